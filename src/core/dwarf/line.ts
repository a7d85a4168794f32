/**
 * Line programs (DWARF 5 §6.2): the state machine, run once per unit, and the table that it gives.
 *
 * In: `.debug_line` and a unit's DW_AT_stmt_list. Out: rows in columns, by sequence. Refuses: more than `limits.lineRows`
 * rows; a sequence that does not rise is left out, the others stay.
 */
import { Cursor } from '../bytes/cursor.js';
import { limits } from '../limits.js';
import * as D from './constants.js';
import { neededSection } from './form.js';
import { type FileTable, type LineHeader, readLineHeader } from './line-header.js';
import { type DebugSections, spend } from './sections.js';
import type { Unit } from './unit.js';

export interface LineTable {
  readonly files: FileTable;
  /** One row for each address where something changes: the last one given for it. */
  readonly addresses: Float64Array;
  readonly lines: Uint32Array;
  readonly columns: Uint16Array;
  readonly fileNumbers: Uint32Array;
  /** Sequences sorted by end: [low, high) and their rows [first, last). */
  readonly sequences: readonly Sequence[];
}

interface Sequence {
  readonly low: number;
  readonly high: number;
  readonly first: number;
  readonly last: number;
}

/** Rows made by all tables of one file, and room that the tables share while they are made. */
export class LineReader {
  private made = 0;
  private addresses = new Float64Array(4096);
  private lines = new Uint32Array(4096);
  private columns = new Uint16Array(4096);
  private fileNumbers = new Uint32Array(4096);

  read(unit: Unit, offset: number, sections: DebugSections): LineTable {
    const section = neededSection(sections, 'line');
    const header = section.cursor(offset, Math.min(12, section.size - offset));
    const length = header.u32();
    const whole = length === 0xffffffff ? header.u64() + 12 : length + 4;
    const cursor = section.cursor(offset, Math.min(whole, section.size - offset));
    spend(sections.budget, 'lineBytes', cursor.left);
    const table = this.run(cursor, readLineHeader(cursor, unit, sections));
    this.made += table.addresses.length;
    return table;
  }

  private grow(): void {
    const room = this.addresses.length * 2;
    const widen = <T extends Float64Array | Uint32Array | Uint16Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.addresses = widen(this.addresses, new Float64Array(room));
    this.lines = widen(this.lines, new Uint32Array(room));
    this.columns = widen(this.columns, new Uint16Array(room));
    this.fileNumbers = widen(this.fileNumbers, new Uint32Array(room));
  }

  private run(cursor: Cursor, header: LineHeader): LineTable {
    const { minimumLength, lineBase, lineRange, opcodeBase, operandCounts, end, files } = header;
    const sequences: Sequence[] = [];
    const constAdd = lineRange === 0 ? 0 : Math.floor((255 - opcodeBase) / lineRange) * minimumLength;
    let keep = header.program;
    let count = 0;
    let first = 0;
    let isRising = true;
    let address = 0;
    let file = 1;
    let line = 1;
    let column = 0;
    const { bytes } = cursor;
    let at = header.program;
    let room = this.addresses.length;
    let { addresses, lines, columns, fileNumbers } = this;
    // One opcode in turn; what makes no row goes on at once. Short programs end before a compiler would speed the loop up: bytes are read by hand.
    while (at < end) {
      const opcode = bytes[at++] ?? 0;
      if (opcode >= opcodeBase) {
        if (lineRange === 0) throw cursor.fail('malformed', 'special opcode with line range 0');
        const adjusted = opcode - opcodeBase;
        const advance = (adjusted / lineRange) | 0;
        address += advance * minimumLength;
        line += lineBase + adjusted - advance * lineRange;
      } else if (opcode !== D.DW_LNS_copy) {
        cursor.at = at;
        switch (opcode) {
          case 0: {
            const length = cursor.uleb();
            const next = cursor.at + length;
            if (next > end) throw cursor.fail('malformed', `extended opcode of ${length} bytes, ${end - cursor.at} left`);
            if (length === 0) break;
            const extended = cursor.u8();
            if (extended === D.DW_LNE_end_sequence) {
              const low = addresses[first] ?? 0;
              // Dropped code stands at the tombstones -1 and -2 and seems to run over into low addresses.
              const isSound = isRising && address > low && address >= (addresses[count - 1] ?? 0) && low < 0 === address < 0;
              if (count > first && isSound) sequences.push({ low, high: address, first, last: count });
              else count = first;
              first = count;
              isRising = true;
              address = 0;
              file = 1;
              line = 1;
              column = 0;
            } else if (extended === D.DW_LNE_set_address) {
              address = cursor.address(length - 1);
            } else if (extended === D.DW_LNE_define_file) {
              const nameAt = cursor.at;
              cursor.skipText();
              files.nameAt.push(nameAt);
              files.directory.push(cursor.uleb());
              keep = end;
            }
            cursor.at = next;
            break;
          }
          case D.DW_LNS_advance_pc:
            address += cursor.uleb() * minimumLength;
            break;
          case D.DW_LNS_advance_line:
            line += cursor.sleb();
            break;
          case D.DW_LNS_set_file:
            file = cursor.uleb();
            break;
          case D.DW_LNS_set_column:
            column = cursor.uleb();
            break;
          case D.DW_LNS_const_add_pc:
            address += constAdd;
            break;
          case D.DW_LNS_fixed_advance_pc:
            address += cursor.u16();
            break;
          case D.DW_LNS_negate_stmt:
          case D.DW_LNS_set_basic_block:
          case D.DW_LNS_set_prologue_end:
          case D.DW_LNS_set_epilogue_begin:
            break;
          case D.DW_LNS_set_isa:
            cursor.skipLeb();
            break;
          default: {
            const operands = operandCounts[opcode - 1] ?? 0;
            for (let operand = 0; operand < operands; operand++) cursor.skipLeb();
          }
        }
        at = cursor.at;
        continue;
      }
      let row = count;
      if (count > first) {
        const before = addresses[count - 1] ?? 0;
        if (address === before) row = count - 1;
        else if (address < before) isRising = false;
      }
      if (row === count) {
        if (count === room) {
          this.grow();
          ({ addresses, lines, columns, fileNumbers } = this);
          room = addresses.length;
          if (this.made + count >= limits.lineRows)
            throw cursor.fail('limit', `more than ${limits.lineRows} rows in the file's line tables`);
        }
        count++;
      }
      addresses[row] = address;
      lines[row] = line;
      columns[row] = column;
      fileNumbers[row] = file;
    }
    sequences.sort((one, other) => one.high - other.high);
    return {
      // The bytes may be a view of a page or of the whole table: only the names stay.
      files: { ...files, cursor: new Cursor(cursor.bytes.slice(0, keep), cursor.where, cursor.base) },
      addresses: this.addresses.slice(0, first),
      lines: this.lines.slice(0, first),
      columns: this.columns.slice(0, first),
      fileNumbers: this.fileNumbers.slice(0, first),
      sequences,
    };
  }
}

/** Place of the row that holds the address; -1 where no sequence covers it. */
export function rowAt(table: LineTable, address: number): number {
  const { sequences, addresses } = table;
  let low = 0;
  let high = sequences.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sequences[middle]?.high ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  const sequence = sequences[low];
  if (sequence === undefined || address < sequence.low) return -1;
  let start = sequence.first;
  let end = sequence.last;
  while (start < end) {
    const middle = (start + end) >>> 1;
    if ((addresses[middle] ?? 0) <= address) start = middle + 1;
    else end = middle;
  }
  return start - 1;
}
