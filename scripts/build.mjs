// Builds dist/: one CommonJS bundle per entry point, and the two data files they read.
//   node scripts/build.mjs            writes dist/
//   node scripts/build.mjs --check    builds twice into scratch folders, compares them byte by byte with each other and with dist/
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const entries = { index: 'src/main.ts', worker: 'src/worker.ts', cli: 'src/cli.ts', demo: 'src/demo/demo.ts' };

/** Package folders of every bundled input, for the licence file. */
function packagesOf(metafile) {
  const folders = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const parts = input.split('/');
    const at = parts.lastIndexOf('node_modules');
    if (at < 0) continue;
    const length = parts[at + 1].startsWith('@') ? 3 : 2;
    folders.add(parts.slice(0, at + length).join('/'));
  }
  return folders;
}

function licenceText(folders) {
  const sections = [];
  for (const folder of [...folders].sort()) {
    const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((name) => /^(licen[cs]e|copying)(\.|$)/i.test(name));
    const text = file
      ? readFileSync(join(root, folder, file), 'utf8')
          .replaceAll('\r\n', '\n')
          .trim()
      : `(no licence file in the package; declared: ${manifest.license})`;
    sections.push(`${manifest.name} ${manifest.version} (${manifest.license})\n\n${text}\n`);
  }
  return `${sections.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

async function buildInto(folder) {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(root, 'node_modules/iced-x86/iced_x86_bg.wasm'), join(folder, 'iced_x86_bg.wasm'));
  copyFileSync(join(root, 'src/core/diagnose/msr.csv'), join(folder, 'msr.csv'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
  const folders = new Set();
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const [name, entry] of Object.entries(entries)) {
    if (!existsSync(join(root, entry))) throw new Error(`${entry} is not there`);
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: [entry],
      outfile: relative(root, join(folder, `${name}.js`)),
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      charset: 'utf8',
      legalComments: 'none',
      minifySyntax: true,
      minifyWhitespace: true,
      metafile: true,
      logLevel: 'warning',
      // unzipper names it in a branch for S3 that is never taken
      external: ['@aws-sdk/client-s3'],
      // unzipper's promise library builds functions from text; the language's own promises do all that unzipper asks of it
      // @actions/core asks it for the name of the operating system, which nothing here wants to know
      alias: { bluebird: './scripts/native-promise.cjs', '@actions/exec': './scripts/no-exec.mjs' },
      // the bundles are CommonJS: sources may say import.meta.url
      define: { 'import.meta.url': 'importMetaUrl', TOOL_VERSION: JSON.stringify(version) },
      banner: { js: 'const importMetaUrl=require("node:url").pathToFileURL(__filename).href;' },
    });
    for (const used of packagesOf(metafile)) folders.add(used);
  }
  writeFileSync(join(folder, 'licenses.txt'), licenceText(folders));
}

function differences(left, right) {
  const names = new Set([...readdirSync(left), ...readdirSync(right)]);
  return [...names].filter((name) => {
    if (!existsSync(join(left, name)) || !existsSync(join(right, name))) return true;
    return !readFileSync(join(left, name)).equals(readFileSync(join(right, name)));
  });
}

if (process.argv.includes('--check')) {
  const scratch = mkdtempSync(join(tmpdir(), 'dist-'));
  try {
    await buildInto(join(scratch, 'one'));
    await buildInto(join(scratch, 'two'));
    const unstable = differences(join(scratch, 'one'), join(scratch, 'two'));
    const stale = differences(join(scratch, 'one'), join(root, 'dist'));
    const local = readdirSync(join(scratch, 'one')).filter((name) => readFileSync(join(scratch, 'one', name)).includes(root + sep));
    for (const name of unstable) console.log(`dist/${name}: two builds differ`);
    for (const name of stale) console.log(`dist/${name}: not what the sources build (run npm run build)`);
    for (const name of local) console.log(`dist/${name}: holds a path of this machine`);
    process.exitCode = unstable.length + stale.length + local.length === 0 ? 0 : 1;
  } finally {
    rmSync(scratch, { recursive: true });
  }
} else {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  await buildInto(join(root, 'dist'));
}
