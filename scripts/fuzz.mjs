// Bundles test/fuzz and runs it with the arguments given: npm run fuzz -- --minutes N
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const folder = join('node_modules', '.cache', 'fuzz');
mkdirSync(folder, { recursive: true });
await build({
  entryPoints: ['test/fuzz/fuzz-main.ts'],
  outfile: join(folder, 'fuzz.cjs'),
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  logLevel: 'warning',
  // as scripts/build.mjs does it for dist/
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: 'const importMetaUrl=require("node:url").pathToFileURL(__filename).href;' },
});
copyFileSync('src/core/diagnose/msr.csv', join(folder, 'msr.csv')); // the MSR table stands beside the bundle
const { status } = spawnSync(process.execPath, [join(folder, 'fuzz.cjs'), ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = status ?? 1;
