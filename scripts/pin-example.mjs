// Prints the example workflow with our own action pinned: node scripts/pin-example.mjs OWNER/NAME COMMIT TAG
import { readFileSync } from 'node:fs';

const placeholder = /OWNER\/symbolize-serial-crash@0{40}.*/;
const [repository, commit, tag] = process.argv.slice(2);
if (!/^[\w.-]+\/[\w.-]+$/.test(repository ?? '') || !/^[0-9a-f]{40}$/.test(commit ?? '') || !/^v\d+\.\d+\.\d+$/.test(tag ?? '')) {
  console.error('usage: node scripts/pin-example.mjs OWNER/NAME COMMIT (40 hex digits) TAG (v1.2.3)');
  process.exit(2);
}
const example = readFileSync('examples/symbolize.yml', 'utf8');
if (!placeholder.test(example)) throw new Error('examples/symbolize.yml has no place for our own pin');
process.stdout.write(example.replace(placeholder, `${repository}@${commit} # ${tag}`).replace(/^ *# filled in by the release\n/m, ''));
