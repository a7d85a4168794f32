/** Notes (gABI chapter 5, "Note Section"): the GNU build id. Refuses nothing: a damaged note ends the search. */
import type { Region } from '../bytes/region.js';

const NT_GNU_BUILD_ID = 3;
const GNU = 0x00554e47; // "GNU\0", little endian
/** A note section larger than this is not one that a linker wrote. */
const NOTE_BYTES = 64 * 1024;

/** Lower-case hex; `undefined` where the section holds no such note. */
export function findBuildId(notes: Region): string | undefined {
  const size = Math.min(notes.size, NOTE_BYTES);
  const cursor = notes.cursor(0, size);
  while (cursor.left >= 12) {
    const nameSize = cursor.u32();
    const descriptionSize = cursor.u32();
    const type = cursor.u32();
    const nameBytes = Math.ceil(nameSize / 4) * 4;
    const descriptionBytes = Math.ceil(descriptionSize / 4) * 4;
    if (nameBytes + descriptionBytes > cursor.left) return undefined;
    const isGnu = nameSize === 4 && cursor.u32() === GNU;
    if (!isGnu && nameSize !== 4) cursor.skip(nameBytes);
    if (isGnu && type === NT_GNU_BUILD_ID) {
      return Array.from(cursor.take(descriptionSize), (byte) => byte.toString(16).padStart(2, '0')).join('');
    }
    cursor.skip(descriptionBytes);
  }
  return undefined;
}
