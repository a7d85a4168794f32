/** Bytes put together with labels: a place is named once, and every reference to it is filled in at the end. Little endian. */
export class ByteWriter {
  private readonly out: number[] = [];
  private readonly labels = new Map<string, number>();
  private readonly fixups: {
    readonly at: number;
    readonly size: number;
    readonly value: (labels: ReadonlyMap<string, number>) => number;
  }[] = [];

  get length(): number {
    return this.out.length;
  }

  bytes(...values: readonly number[]): this {
    for (const value of values) this.out.push(value & 0xff);
    return this;
  }

  append(values: Uint8Array): this {
    for (const value of values) this.out.push(value);
    return this;
  }

  number(value: number | bigint, size: number): this {
    let rest = BigInt.asUintN(size * 8, BigInt(value));
    for (let index = 0; index < size; index++, rest >>= 8n) this.out.push(Number(rest & 0xffn));
    return this;
  }

  u8(value: number): this {
    return this.number(value, 1);
  }

  u16(value: number): this {
    return this.number(value, 2);
  }

  u32(value: number): this {
    return this.number(value, 4);
  }

  u64(value: number | bigint): this {
    return this.number(value, 8);
  }

  uleb(value: number | bigint): this {
    for (let rest = BigInt(value); ; ) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      this.out.push(rest === 0n ? low : low | 0x80);
      if (rest === 0n) return this;
    }
  }

  sleb(value: number | bigint): this {
    for (let rest = BigInt(value); ; ) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const isLast = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
      this.out.push(isLast ? low : low | 0x80);
      if (isLast) return this;
    }
  }

  text(value: string): this {
    return this.append(new TextEncoder().encode(value)).u8(0);
  }

  align(to: number): this {
    while (this.out.length % to !== 0) this.out.push(0);
    return this;
  }

  label(name: string): this {
    if (this.labels.has(name)) throw new Error(`label ${name} stands twice`);
    this.labels.set(name, this.out.length);
    return this;
  }

  has(name: string): boolean {
    return this.labels.has(name);
  }

  at(name: string): number {
    const place = this.labels.get(name);
    if (place === undefined) throw new Error(`no label ${name}`);
    return place;
  }

  /** Offset of a label from the start, plus `add`. */
  to(name: string, size: number, add = 0): this {
    return this.computed(size, (labels) => (labels.get(name) ?? Number.NaN) + add);
  }

  computed(size: number, value: (labels: ReadonlyMap<string, number>) => number): this {
    this.fixups.push({ at: this.out.length, size, value });
    return this.number(0, size);
  }

  /** What `write` writes, after its length in `size` bytes. */
  sized(size: number, write: (writer: ByteWriter) => void): this {
    const at = this.out.length;
    this.number(0, size);
    write(this);
    this.patch(at, this.out.length - at - size, size);
    return this;
  }

  patch(at: number, value: number, size: number): void {
    for (let index = 0, rest = BigInt(value); index < size; index++, rest >>= 8n) this.out[at + index] = Number(rest & 0xffn);
  }

  done(): Uint8Array {
    for (const { at, size, value } of this.fixups) {
      const number = value(this.labels);
      if (Number.isNaN(number)) throw new Error(`reference at ${at} to a label that does not exist`);
      this.patch(at, number, size);
    }
    return Uint8Array.from(this.out);
  }
}
