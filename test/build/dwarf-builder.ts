/** Debug sections from trees of entries, with labels for references; abbreviations come of themselves. */
import * as D from '../../src/core/dwarf/constants.js';
import { ByteWriter } from './byte-writer.js';
import type { SectionInput } from './elf-builder.js';

/** A number, a text, bytes of a block, or a label of an entry. */
export type Value = number | bigint | string | Uint8Array | { readonly ref: string };

export interface DieInput {
  readonly tag: number;
  readonly label?: string;
  /** Attribute, form, value. */
  readonly attributes: readonly (readonly [number, number, Value])[];
  readonly children?: readonly DieInput[];
  /** Children flag of the abbreviation where it is not that there are children. */
  readonly hasChildren?: boolean;
}

export function die(tag: number, attributes: DieInput['attributes'], children?: readonly DieInput[], label?: string): DieInput {
  return { tag, attributes, ...(children === undefined ? {} : { children }), ...(label === undefined ? {} : { label }) };
}

export interface UnitInput {
  readonly version: 2 | 3 | 4 | 5 | number;
  readonly addressSize: number;
  readonly is64?: boolean;
  /** DW_UT_*, DWARF 5. */
  readonly type?: number;
  readonly root: DieInput;
}

/** `.debug_info`, `.debug_abbrev` and `.debug_str` of the units. */
export class DebugWriter {
  readonly info = new ByteWriter();
  readonly abbrev = new ByteWriter();
  readonly strings = new ByteWriter();
  readonly lineStrings = new ByteWriter();
  private units = 0;

  add(unit: UnitInput): this {
    const size = unit.is64 ? 8 : 4;
    const index = this.units++;
    const start = this.info.length;
    const codes = new Map<string, number>();
    const abbrevAt = this.abbrev.length;
    if (unit.is64) this.info.u32(0xffffffff);
    this.info.label(`unit ${index}`);
    this.info.sized(size, (info) => {
      info.u16(unit.version);
      if (unit.version >= 5)
        info
          .u8(unit.type ?? D.DW_UT_compile)
          .u8(unit.addressSize)
          .number(abbrevAt, size);
      else info.number(abbrevAt, size).u8(unit.addressSize);
      if (unit.type === D.DW_UT_skeleton || unit.type === D.DW_UT_split_compile) info.u64(0);
      if (unit.type === D.DW_UT_type) info.u64(0).number(0, size);
      this.write(unit.root, unit, start, codes);
    });
    this.abbrev.u8(0);
    return this;
  }

  private write(input: DieInput, unit: UnitInput, start: number, codes: Map<string, number>): void {
    const hasChildren = input.hasChildren ?? input.children !== undefined;
    const constants = input.attributes.map(([, form, value]) => (form === D.DW_FORM_implicit_const ? String(value) : ''));
    const key = JSON.stringify([input.tag, hasChildren, input.attributes.map(([attribute, form]) => [attribute, form]), constants]);
    let code = codes.get(key);
    if (code === undefined) {
      code = codes.size + 1;
      codes.set(key, code);
      this.abbrev
        .uleb(code)
        .uleb(input.tag)
        .u8(hasChildren ? 1 : 0);
      for (const [attribute, form, value] of input.attributes) {
        this.abbrev.uleb(attribute).uleb(form);
        if (form === D.DW_FORM_implicit_const) this.abbrev.sleb(value as number | bigint); // only numbers have this form
      }
      this.abbrev.u8(0).u8(0);
    }
    if (input.label !== undefined) this.info.label(input.label);
    this.info.uleb(code);
    for (const [, form, value] of input.attributes) this.value(form, value, unit, start);
    if (!hasChildren) return;
    for (const child of input.children ?? []) this.write(child, unit, start, codes);
    this.info.u8(0);
  }

  private value(form: number, value: Value, unit: UnitInput, start: number): void {
    const { info } = this;
    const size = unit.is64 ? 8 : 4;
    if (typeof value === 'object' && 'ref' in value) {
      if (form === D.DW_FORM_ref_addr) info.to(value.ref, unit.version === 2 ? unit.addressSize : size);
      else info.to(value.ref, refSize(form), -start);
      return;
    }
    if (typeof value === 'string') {
      if (form === D.DW_FORM_string) info.text(value);
      else {
        const strings = form === D.DW_FORM_line_strp ? this.lineStrings : this.strings;
        info.number(strings.length, size);
        strings.text(value);
      }
      return;
    }
    if (value instanceof Uint8Array) {
      const prefix = form === D.DW_FORM_block1 ? 1 : form === D.DW_FORM_block2 ? 2 : form === D.DW_FORM_block4 ? 4 : 0;
      if (form !== D.DW_FORM_data16) {
        if (prefix > 0) info.number(value.length, prefix);
        else info.uleb(value.length);
      }
      info.append(value);
      return;
    }
    writeNumber(info, form, value, unit.addressSize, size);
  }

  sections(): SectionInput[] {
    return [
      { name: '.debug_info', bytes: this.info.done() },
      { name: '.debug_abbrev', bytes: this.abbrev.done() },
      { name: '.debug_str', bytes: this.strings.length === 0 ? new Uint8Array(1) : this.strings.done() },
      ...(this.lineStrings.length === 0 ? [] : [{ name: '.debug_line_str', bytes: this.lineStrings.done() }]),
    ];
  }
}

function refSize(form: number): number {
  return form === D.DW_FORM_ref1 ? 1 : form === D.DW_FORM_ref2 ? 2 : form === D.DW_FORM_ref8 ? 8 : 4;
}

function writeNumber(info: ByteWriter, form: number, value: number | bigint, addressSize: number, offsetSize: number): void {
  switch (form) {
    case D.DW_FORM_flag_present:
    case D.DW_FORM_implicit_const:
      return;
    case D.DW_FORM_sdata:
      info.sleb(value);
      return;
    case D.DW_FORM_udata:
    case D.DW_FORM_strx:
    case D.DW_FORM_addrx:
    case D.DW_FORM_rnglistx:
    case D.DW_FORM_loclistx:
    case D.DW_FORM_ref_udata:
      info.uleb(value);
      return;
    case D.DW_FORM_addr:
      info.number(value, addressSize);
      return;
    case D.DW_FORM_data1:
    case D.DW_FORM_flag:
    case D.DW_FORM_strx1:
    case D.DW_FORM_addrx1:
    case D.DW_FORM_ref1:
      info.u8(Number(value));
      return;
    case D.DW_FORM_data2:
    case D.DW_FORM_strx2:
    case D.DW_FORM_addrx2:
    case D.DW_FORM_ref2:
      info.u16(Number(value));
      return;
    case D.DW_FORM_strx3:
    case D.DW_FORM_addrx3:
      info.number(value, 3);
      return;
    case D.DW_FORM_data4:
    case D.DW_FORM_strx4:
    case D.DW_FORM_addrx4:
    case D.DW_FORM_ref4:
      info.u32(Number(value));
      return;
    case D.DW_FORM_data8:
    case D.DW_FORM_ref8:
    case D.DW_FORM_ref_sig8:
      info.u64(value);
      return;
    case D.DW_FORM_sec_offset:
    case D.DW_FORM_ref_addr:
    case D.DW_FORM_strp:
    case D.DW_FORM_GNU_ref_alt:
    case D.DW_FORM_strp_sup:
      info.number(value, offsetSize);
      return;
    default:
      throw new Error(`form 0x${form.toString(16)} is not written here`);
  }
}

export interface LineProgramInput {
  readonly version: number;
  readonly addressSize: number;
  readonly directories?: readonly string[];
  /** Name and directory number. */
  readonly files: readonly (readonly [string, number])[];
  readonly minimumLength?: number;
  readonly lineBase?: number;
  readonly lineRange?: number;
  readonly opcodeBase?: number;
  /** Bytes of a checksum for each file, DWARF 5. */
  readonly hasMd5?: boolean;
  /** Those bytes, 32 hex digits a file; left out, 0xaa each. */
  readonly checksums?: readonly string[];
  readonly program: (writer: ByteWriter) => void;
}

/** One table of `.debug_line`. */
export function lineTable(input: LineProgramInput): Uint8Array {
  const out = new ByteWriter();
  out.sized(4, (writer) => {
    writer.u16(input.version);
    if (input.version >= 5) writer.u8(input.addressSize).u8(0);
    writer.sized(4, (header) => {
      header.u8(input.minimumLength ?? 1);
      if (input.version >= 4) header.u8(1);
      header
        .u8(1)
        .number(input.lineBase ?? -5, 1)
        .u8(input.lineRange ?? 14);
      const base = input.opcodeBase ?? 13;
      header.u8(base).bytes(...[0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1, 1, 1].slice(0, base - 1));
      if (input.version >= 5) writeFiles(header, input);
      else writeOldFiles(header, input);
    });
    input.program(writer);
  });
  return out.done();
}

function writeOldFiles(out: ByteWriter, { directories = [], files }: LineProgramInput): void {
  for (const directory of directories) out.text(directory);
  out.u8(0);
  for (const [name, directory] of files) out.text(name).uleb(directory).uleb(0).uleb(0);
  out.u8(0);
}

function writeFiles(out: ByteWriter, { directories = [], files, checksums, hasMd5 = checksums !== undefined }: LineProgramInput): void {
  out.u8(1).uleb(D.DW_LNCT_path).uleb(D.DW_FORM_string).uleb(directories.length);
  for (const directory of directories) out.text(directory);
  out
    .u8(hasMd5 ? 3 : 2)
    .uleb(D.DW_LNCT_path)
    .uleb(D.DW_FORM_string)
    .uleb(D.DW_LNCT_directory_index)
    .uleb(D.DW_FORM_udata);
  if (hasMd5) out.uleb(D.DW_LNCT_MD5).uleb(D.DW_FORM_data16);
  out.uleb(files.length);
  files.forEach(([name, directory], index) => {
    out.text(name).uleb(directory);
    if (hasMd5) out.append(Buffer.from(checksums?.[index] ?? 'aa'.repeat(16), 'hex'));
  });
}

/** DW_LNE_set_address, a special opcode's effect spelled out, DW_LNE_end_sequence. */
export function setAddress(out: ByteWriter, address: number | bigint, size: number): void {
  out
    .u8(0)
    .uleb(1 + size)
    .u8(D.DW_LNE_set_address)
    .number(address, size);
}

export function row(out: ByteWriter, advance: number, line: number): void {
  if (advance !== 0) out.u8(D.DW_LNS_advance_pc).uleb(advance);
  out.u8(D.DW_LNS_advance_line).sleb(line).u8(D.DW_LNS_copy);
}

export function endSequence(out: ByteWriter, advance: number): void {
  out.u8(D.DW_LNS_advance_pc).uleb(advance).u8(0).uleb(1).u8(D.DW_LNE_end_sequence);
}
