// Opens `report --format html` of fixtures in headless Chromium and holds what the browser made of it against what a reader needs:
//   node scripts/check-html.mjs [PICTURES]     PICTURES: a folder that keeps the screenshots
// No script and no outside request, language, headings in order, closed parts that open, contrast in both colour schemes, a page
// that is not empty. Where no browser can be had it says so and passes: the page's own tests have run without one.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { inflateSync } from 'node:zlib';

const pages = [
  { name: 'with its image', log: 'fixtures/cases/rdmsr-i386-O0/log.txt', image: 'fixtures/images/i386-gcc-O0/image.elf' },
  { name: 'by the log alone', log: 'fixtures/cases/rdmsr-amd64-O0/log.txt' },
];
/** Pairs of text and ground in the style sheet; large and bold text is held to the same. */
const pairs = [
  ['ink', 'paper'],
  ['ink', 'panel'],
  ['soft', 'paper'],
  ['soft', 'panel'],
  ['link', 'paper'],
  ['link', 'panel'],
  ['title', 'panel'],
  ['guilty-ink', 'guilty'],
];
const leastContrast = 4.5; // WCAG 2.2, 1.4.3
const schemes = [
  { name: 'light', setting: 1 },
  { name: 'dark', setting: 0 },
];

const browser = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore', timeout: 60_000 });
    return true;
  } catch {
    return false;
  }
});
if (browser === undefined) {
  console.log('no Chromium on the PATH: the HTML report was not looked at in a browser');
  process.exit(0);
}

const failures = [];
let held = 0;
function hold(page, what, isTrue, detail = '') {
  if (isTrue) held += 1;
  else failures.push(`${page}: ${what}${detail === '' ? '' : `: ${detail}`}`);
}

const pictures = process.argv[2] === undefined ? undefined : resolve(process.argv[2]);
if (pictures !== undefined) mkdirSync(pictures, { recursive: true });
const scratch = mkdtempSync(join(tmpdir(), 'check-html-'));

function chromium(args, file) {
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
  flags.push('--disable-component-update', '--disable-sync', `--user-data-dir=${join(scratch, 'profile')}`);
  return execFileSync(browser, [...flags, ...args, `file://${file}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 120_000,
    maxBuffer: 1 << 26,
    encoding: 'utf8',
  });
}

/** What the browser read, tag by tag; Chromium writes its document out well-formed. */
function elements(dom) {
  return [...dom.matchAll(/<([a-z][a-z0-9]*)((?:\s[^<>]*)?)>/g)].map(([, name, rest]) => {
    const attributes = new Map([...rest.matchAll(/([a-z-]+)(?:="([^"]*)")?/g)].map(([, key, value]) => [key, value ?? '']));
    return { name, attributes };
  });
}

function checkDocument(page, dom) {
  const all = elements(dom);
  const named = (...names) => all.filter(({ name }) => names.includes(name));
  hold(page, 'lang', named('html')[0]?.attributes.get('lang') === 'en');
  hold(page, 'a title', /<title>[^<]{10,}<\/title>/.test(dom));
  const active = named('script', 'iframe', 'object', 'embed', 'link', 'img', 'form', 'base', 'video', 'audio', 'svg');
  hold(page, 'nothing that runs or loads', active.length === 0, active.map(({ name }) => name).join());
  const handlers = all.flatMap(({ attributes }) =>
    [...attributes.keys()].filter((key) => /^on[a-z]/.test(key) || key === 'src' || key === 'style'),
  );
  hold(page, 'no attribute that runs or loads', handlers.length === 0, handlers.join());
  const style = /<style>([\s\S]*?)<\/style>/.exec(dom)?.[1] ?? '';
  hold(page, 'a style that loads nothing', style !== '' && !/url\(|@import|@font-face/.test(style));
  const policy =
    named('meta')
      .find(({ attributes }) => attributes.get('http-equiv') === 'Content-Security-Policy')
      ?.attributes.get('content') ?? '';
  hold(page, 'a policy that forbids requests', /default-src 'none'/.test(policy) && !/https?:|\*|script-src/.test(policy), policy);

  const headings = all.filter(({ name }) => /^h[1-6]$/.test(name)).map(({ name }) => Number(name.slice(1)));
  hold(page, 'one h1', headings.filter((level) => level === 1).length === 1);
  hold(
    page,
    'headings in order',
    headings[0] === 1 && headings.every((level, index) => index === 0 || level <= headings[index - 1] + 1),
    headings.join(),
  );
  const closed = named('details');
  hold(page, 'closed parts', closed.length >= 3 && closed.every(({ attributes }) => !attributes.has('open')));
  hold(page, 'each opens by a summary', (dom.match(/<details[^>]*>\s*<summary>/g) ?? []).length === closed.length);
  hold(
    page,
    'landmarks',
    ['header', 'main', 'footer'].every((name) => named(name).length === 1),
  );
  hold(
    page,
    'parts without a heading have a label',
    named('section').every(({ attributes }) => attributes.has('aria-label') || attributes.has('class')),
  );
  hold(
    page,
    'what scrolls takes focus',
    named('pre').every(({ attributes }) => attributes.get('tabindex') === '0'),
  );
  hold(
    page,
    'table heads',
    named('th').every(({ attributes }) => attributes.get('scope') === 'col'),
  );
  return style;
}

/** The colours of each scheme, by the names in the style sheet. */
function coloursOf(style) {
  const read = (text) => new Map([...text.matchAll(/--([a-z-]+):\s*(#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
  const split = style.indexOf('@media (prefers-color-scheme: dark)');
  const light = read(style.slice(0, split));
  return { light, dark: new Map([...light, ...read(style.slice(split))]) };
}

/** WCAG 2.2, relative luminance. */
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function checkContrast(page, style) {
  for (const [scheme, colours] of Object.entries(coloursOf(style))) {
    for (const [front, back] of pairs) {
      const [one, other] = [colours.get(front), colours.get(back)];
      const known = one !== undefined && other !== undefined;
      const [high, low] = known ? [luminance(one), luminance(other)].sort((a, b) => b - a) : [0, 0];
      const ratio = (high + 0.05) / (low + 0.05);
      hold(page, `${scheme}: ${front} on ${back}`, known && ratio >= leastContrast, ratio.toFixed(2));
    }
  }
}

/** Pixels of a PNG of 8 bits a channel without interlace, as Chromium writes them (PNG 1.2, sections 6 and 7). */
function pixels(png) {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const size = png[25] === 6 ? 4 : 3;
  if (png[24] !== 8 || (png[25] !== 6 && png[25] !== 2) || png[28] !== 0) throw new Error('a PNG of another kind');
  const data = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const raw = inflateSync(Buffer.concat(data));
  const stride = width * size;
  const out = Buffer.alloc(stride * height);
  for (let row = 0; row < height; row += 1) {
    const filter = raw[row * (stride + 1)];
    for (let column = 0; column < stride; column += 1) {
      const left = column < size ? 0 : out[row * stride + column - size];
      const up = row === 0 ? 0 : out[(row - 1) * stride + column];
      const corner = row === 0 || column < size ? 0 : out[(row - 1) * stride + column - size];
      const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
      const paeth = a <= b && a <= c ? left : b <= c ? up : corner;
      const guess = [0, left, up, (left + up) >> 1, paeth][filter];
      out[row * stride + column] = raw[row * (stride + 1) + 1 + column] + guess;
    }
  }
  return { out, size, count: width * height };
}

function checkPicture(page, file, scheme, colours) {
  const { out, size, count } = pixels(readFileSync(file));
  const seen = new Map();
  for (let at = 0; at < out.length; at += size) {
    const colour = (out[at] << 16) | (out[at + 1] << 8) | out[at + 2];
    seen.set(colour, (seen.get(colour) ?? 0) + 1);
  }
  const share = (name) => (seen.get(Number.parseInt(colours.get(name).slice(1), 16)) ?? 0) / count;
  hold(page, `${scheme}: the ground is the scheme's`, share('paper') > 0.3, share('paper').toFixed(3));
  hold(page, `${scheme}: panels are seen`, share('panel') > 0.02, share('panel').toFixed(3));
  const other = 1 - share('paper') - share('panel');
  hold(page, `${scheme}: the page is not empty`, other > 0.01 && seen.size > 50, `${other.toFixed(3)}, ${seen.size} colours`);
}

try {
  for (const [index, { name, log, image }] of pages.entries()) {
    if (!existsSync(log)) throw new Error(`${log} is not there`);
    const args = ['dist/cli.js', 'report', '--log', log, ...(image === undefined ? [] : ['--image', image]), '--format', 'html'];
    const html = execFileSync(process.execPath, args, { maxBuffer: 1 << 26 });
    const file = join(scratch, `page-${index}.html`);
    writeFileSync(file, html);
    const style = checkDocument(name, chromium(['--dump-dom'], file));
    checkContrast(name, style);
    const colours = coloursOf(style);
    for (const { name: scheme, setting } of schemes) {
      const picture = join(pictures ?? scratch, `page-${index}-${scheme}.png`);
      const flags = ['--hide-scrollbars', '--force-device-scale-factor=1', '--window-size=1000,1300'];
      chromium([...flags, `--blink-settings=preferredColorScheme=${setting}`, `--screenshot=${picture}`], file);
      checkPicture(name, picture, scheme, colours[scheme]);
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const failure of failures) console.log(failure);
console.log(`${held} of ${held + failures.length} hold`);
process.exitCode = failures.length === 0 ? 0 : 1;
