/**
 * Headers of line programs, versions 2 to 5 (DWARF 5 §6.2.4), and how file names are put together.
 *
 * In: a unit's part of `.debug_line`. Out: directories and files, read when asked. Refuses: unknown versions and forms, counts
 * that could not fit the bytes left.
 */
import type { Cursor } from '../bytes/cursor.js';
import { formSize, skipForm } from './abbrev.js';
import * as D from './constants.js';
import { readText, readUnsigned } from './form.js';
import type { DebugSections } from './sections.js';
import { readInitialLength, type Unit } from './unit.js';

export interface LineHeader {
  readonly version: number;
  readonly addressSize: number;
  readonly minimumLength: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Number of LEB operands of opcode n at n - 1. */
  readonly operandCounts: readonly number[];
  readonly files: FileTable;
  /** Index of the first opcode, and of the byte behind the last, in the cursor. */
  readonly program: number;
  readonly end: number;
}

/** File names stay in the header's bytes until one is asked for. */
export interface FileTable {
  readonly version: number;
  readonly directories: readonly string[];
  /** Per file: where its name stands in `cursor`, and its directory. */
  readonly nameAt: number[];
  readonly directory: number[];
  /** Where the 16 bytes of a file's MD5 stand in `cursor`, in file order; empty where the table has none (DWARF 5 §6.2.4.1). */
  readonly checksumAt: readonly number[];
  readonly nameForm: number;
  readonly cursor: Cursor;
  readonly unit: Unit;
  readonly composed: Map<number, string | undefined>;
  readonly checksums: Map<number, string>;
}

export function readLineHeader(cursor: Cursor, unit: Unit, sections: DebugSections): LineHeader {
  const { length, offsetSize } = readInitialLength(cursor);
  if (length > cursor.left) throw cursor.fail('malformed', `line table of ${length} bytes, ${cursor.left} left`);
  const end = cursor.at + length;
  const version = cursor.u16();
  if (version < 2 || version > 5) throw cursor.fail('unsupported', `line table of version ${version}`);
  let addressSize = unit.addressSize;
  if (version >= 5) {
    addressSize = cursor.u8();
    cursor.skip(1);
  }
  const headerLength = cursor.offset(offsetSize);
  const program = cursor.at + headerLength;
  if (program > end) throw cursor.fail('malformed', `line table header of ${headerLength} bytes, behind the table's end`);
  const minimumLength = cursor.u8();
  // Instructions of VLIW machines: x86 has one operation each.
  if (version >= 4) cursor.skip(1);
  cursor.skip(1);
  const lineBase = cursor.s8();
  const lineRange = cursor.u8();
  const opcodeBase = cursor.u8();
  if (opcodeBase === 0) throw cursor.fail('malformed', 'opcode base 0');
  const operandCounts = Array.from(cursor.take(opcodeBase - 1));
  const lineUnit = { ...unit, version, addressSize, offsetSize };
  const files = version >= 5 ? readFiles(cursor, lineUnit, sections) : readOldFiles(cursor, lineUnit);
  return { version, addressSize, minimumLength, lineBase, lineRange, opcodeBase, operandCounts, files, program, end };
}

function readOldFiles(cursor: Cursor, unit: Unit): FileTable {
  const directories: string[] = [];
  for (let text = cursor.text(); text !== ''; text = cursor.text()) directories.push(text);
  const nameAt: number[] = [];
  const directory: number[] = [];
  for (;;) {
    const at = cursor.at;
    cursor.skipText();
    if (cursor.at === at + 1) break;
    nameAt.push(at);
    directory.push(cursor.uleb());
    cursor.skipLeb();
    cursor.skipLeb();
  }
  return {
    version: unit.version,
    directories,
    nameAt,
    directory,
    checksumAt: [],
    nameForm: D.DW_FORM_string,
    cursor,
    unit,
    composed: new Map(),
    checksums: new Map(),
  };
}

interface EntryFormat {
  readonly contents: readonly number[];
  readonly forms: readonly number[];
  /** Fewest bytes of one entry. */
  readonly least: number;
}

/** DWARF 5 §6.2.4.1. */
function readEntryFormat(cursor: Cursor, unit: Unit): EntryFormat {
  const count = cursor.u8();
  const contents: number[] = [];
  const forms: number[] = [];
  let least = 0;
  for (let index = 0; index < count; index++) {
    contents.push(cursor.uleb());
    const form = cursor.uleb();
    const size = formSize(form, unit);
    if (size === undefined || form === D.DW_FORM_implicit_const)
      throw cursor.fail('unsupported', `form 0x${form.toString(16)} in a line table`);
    forms.push(form);
    least += size < 0 ? 1 : size;
  }
  return { contents, forms, least };
}

function readCount(cursor: Cursor, format: EntryFormat): number {
  const count = cursor.uleb();
  if (count > 0 && format.least === 0) throw cursor.fail('malformed', `${count} entries of no bytes`);
  if (count * format.least > cursor.left) throw cursor.fail('malformed', `${count} entries in ${cursor.left} bytes`);
  return count;
}

function readFiles(cursor: Cursor, unit: Unit, sections: DebugSections): FileTable {
  const directoryFormat = readEntryFormat(cursor, unit);
  const directoryCount = readCount(cursor, directoryFormat);
  const directories: string[] = [];
  for (let entry = 0; entry < directoryCount; entry++) {
    let path = '';
    directoryFormat.forms.forEach((form, place) => {
      if (directoryFormat.contents[place] === D.DW_LNCT_path) path = readText(cursor, form, unit, sections);
      else skipForm(cursor, form, unit);
    });
    directories.push(path);
  }
  const format = readEntryFormat(cursor, unit);
  const count = readCount(cursor, format);
  const nameAt: number[] = [];
  const directory: number[] = [];
  const checksumAt: number[] = [];
  for (let entry = 0; entry < count; entry++) {
    let at = -1;
    let index = 0;
    for (let place = 0; place < format.forms.length; place++) {
      const form = format.forms[place] ?? 0;
      const content = format.contents[place];
      if (content === D.DW_LNCT_directory_index) {
        index = readUnsigned(cursor, form, undefined, unit);
        continue;
      }
      if (content === D.DW_LNCT_path) at = cursor.at;
      if (content === D.DW_LNCT_MD5 && form === D.DW_FORM_data16) checksumAt.push(cursor.at);
      skipForm(cursor, form, unit);
    }
    nameAt.push(at);
    directory.push(index);
  }
  const nameForm = format.forms[format.contents.indexOf(D.DW_LNCT_path)] ?? 0;
  return {
    version: unit.version,
    directories,
    nameAt,
    directory,
    checksumAt,
    nameForm,
    cursor,
    unit,
    composed: new Map(),
    checksums: new Map(),
  };
}

const WINDOWS_ROOT = /^([A-Za-z]:[\\/]|\\\\)/;

function isAbsolute(path: string): boolean {
  return path.startsWith('/') || WINDOWS_ROOT.test(path);
}

function join(path: string, part: string): string {
  if (part === '') return path;
  if (path === '') return part;
  if (path.endsWith('/')) return path + part.replace(/^\/+/, '');
  return part.startsWith('/') ? path + part : `${path}/${part}`;
}

/**
 * Path of a file by its number in the program, as `llvm-symbolizer` composes it: the directory of the compilation before what
 * is not absolute, without cleaning up. Numbers start at 1 before version 5, at 0 since. `undefined` for a number with no file.
 */
export function fileName(files: FileTable, number: number, compilationDirectory: string, sections: DebugSections): string | undefined {
  if (files.composed.has(number)) return files.composed.get(number);
  const composed = compose(files, number, compilationDirectory, sections);
  files.composed.set(number, composed);
  return composed;
}

/**
 * MD5 of a file by its number in the program, 32 hex digits, where the compiler wrote one (Clang does). All zero is none: a compiler
 * that knows the checksum of some files only must write the field for all.
 */
export function fileChecksum(files: FileTable, number: number): string | undefined {
  const at = files.checksumAt[number];
  // a format that lists the field twice says nothing that could be told apart
  if (at === undefined || files.checksumAt.length !== files.nameAt.length) return undefined;
  const known = files.checksums.get(number);
  if (known !== undefined) return known;
  files.cursor.at = at;
  let digits = '';
  for (const byte of files.cursor.take(16)) digits += byte.toString(16).padStart(2, '0');
  if (/^0+$/.test(digits)) return undefined;
  files.checksums.set(number, digits);
  return digits;
}

function compose(files: FileTable, number: number, compilationDirectory: string, sections: DebugSections): string | undefined {
  const index = files.version >= 5 ? number : number - 1;
  const at = files.nameAt[index];
  if (at === undefined || at < 0) return undefined;
  files.cursor.at = at;
  const name = readText(files.cursor, files.nameForm, files.unit, sections);
  if (isAbsolute(name)) return name;
  const directoryNumber = files.directory[index] ?? 0;
  const directory = files.directories[files.version >= 5 ? directoryNumber : directoryNumber - 1] ?? '';
  const isRooted = isAbsolute(directory) || (files.version >= 5 && directoryNumber === 0);
  return join(join(isRooted ? '' : compilationDirectory, directory), name);
}
