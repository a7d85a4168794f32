// Prints the example workflow with our own action pinned: node scripts/pin-example.mjs COMMIT TAG
import { readFileSync } from 'node:fs';

const [commit, tag] = process.argv.slice(2);
if (!/^[0-9a-f]{40}$/.test(commit ?? '') || !/^v\d+\.\d+\.\d+$/.test(tag ?? '')) {
  console.error('usage: node scripts/pin-example.mjs COMMIT (40 hex digits) TAG (v1.2.3)');
  process.exit(2);
}
const example = readFileSync('examples/symbolize.yml', 'utf8');
if (!example.includes('@RELEASE_COMMIT')) throw new Error('examples/symbolize.yml has no @RELEASE_COMMIT to pin');
process.stdout.write(example.replaceAll(/@RELEASE_COMMIT\b.*/g, `@${commit} # ${tag}`));
