// Renders a comment as a browser shows it: node scripts/picture.mjs COMMENT.md PICTURE.png [dark]
// Needs chromium on the PATH; markdown-it stands in for GitHub's renderer.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import markdownIt from 'markdown-it';

const [comment, picture, theme] = process.argv.slice(2);
if (picture === undefined) {
  console.error('usage: node scripts/picture.mjs COMMENT.md PICTURE.png [dark]');
  process.exit(2);
}
const dark = theme === 'dark';
const ink = dark ? '#e6edf3' : '#1f2328';
const paper = dark ? '#0d1117' : '#ffffff';
const tint = dark ? '#151b23' : '#f6f8fa';
const line = dark ? '#3d444d' : '#d1d9e0';
const style = `
  body { margin: 0; padding: 20px; background: ${paper}; color: ${ink}; font: 14px/1.5 "Noto Sans", "DejaVu Sans", sans-serif; width: 860px; }
  .comment { border: 1px solid ${line}; border-radius: 6px; }
  .who { background: ${tint}; border-bottom: 1px solid ${line}; padding: 8px 16px; font-weight: 600; }
  .body { padding: 16px; }
  pre { background: ${tint}; padding: 14px; border-radius: 6px; overflow: hidden; font: 12px/1.45 "DejaVu Sans Mono", monospace; }
  code { background: ${tint}; padding: 2px 5px; border-radius: 6px; font: 85% "DejaVu Sans Mono", monospace; }
  pre code { padding: 0; font: inherit; }
  table { border-collapse: collapse; margin: 0 0 12px; } td, th { border: 1px solid ${line}; padding: 6px 12px; text-align: left; vertical-align: top; }
  summary { cursor: pointer; } details { margin: 6px 0; } h4 { margin: 18px 0 8px; }
  p { margin: 0 0 12px; } sub { color: #59636e; }`;
const body = markdownIt({ html: true, linkify: true }).render(readFileSync(comment, 'utf8'));
const page = `<!doctype html><meta charset="utf-8"><style>${style}</style><div class="comment"><div class="who">github-actions <small>bot</small> commented</div><div class="body">${body}</div></div>`;
const scratch = mkdtempSync(join(tmpdir(), 'picture-'));
try {
  const file = join(scratch, 'comment.html');
  writeFileSync(file, page);
  const chromium = (args) =>
    execFileSync(
      'chromium',
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        `--user-data-dir=${join(scratch, 'profile')}`,
        ...args,
        `file://${file}`,
      ],
      { stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000 },
    );
  chromium(['--hide-scrollbars', '--force-device-scale-factor=1', '--window-size=900,1150', `--screenshot=${resolve(picture)}`]);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
