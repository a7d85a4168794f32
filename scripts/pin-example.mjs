// Prints an example workflow with our own action pinned: node scripts/pin-example.mjs OWNER/NAME COMMIT TAG FILE
import { readFileSync } from 'node:fs';

const placeholder = /OWNER\/symbolize-serial-crash@0{40}.*/g;
const [repository, commit, tag, file] = process.argv.slice(2);
if (
  !/^[\w.-]+\/[\w.-]+$/.test(repository ?? '') ||
  !/^[0-9a-f]{40}$/.test(commit ?? '') ||
  !/^v\d+\.\d+\.\d+$/.test(tag ?? '') ||
  file === undefined
) {
  console.error('usage: node scripts/pin-example.mjs OWNER/NAME COMMIT (40 hex digits) TAG (v1.2.3) FILE');
  process.exit(2);
}
const example = readFileSync(file, 'utf8');
if (example.search(placeholder) < 0) throw new Error(`${file} has no place for our own pin`);
process.stdout.write(example.replace(placeholder, `${repository}@${commit} # ${tag}`).replace(/^ *# filled in by the release\n/gm, ''));
