/**
 * A named piece of a file, read in pages: what a section's bytes are reached through.
 *
 * In: a `ByteSource` and a range of it. Out: bounds-checked slices. Holds at most `CACHED_PAGES` pages, so a section of
 * any size costs little memory. Throws `FormatError` where a slice would leave the region.
 */
import { limits } from '../limits.js';
import type { ByteSource } from './byte-source.js';
import { Cursor, textOf } from './cursor.js';
import { FormatError } from './format-error.js';

const { min, floor } = Math;

const PAGE = 32 * 1024;
const CACHED_PAGES = 64;

export class Region {
  private readonly pages = new Map<number, Uint8Array>();
  private lastIndex = -1;
  private lastPage: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly source: ByteSource,
    /** Name of the section, for errors. */
    readonly where: string,
    private readonly start: number,
    readonly size: number,
  ) {
    if (!(start >= 0 && size >= 0 && size <= source.size - start)) {
      throw new FormatError('malformed', where, -1, `bytes ${start} to ${start + size} of a file of ${source.size}`);
    }
  }

  /** May be a view of a cached page: do not write. */
  slice(offset: number, length: number): Uint8Array {
    if (!(offset >= 0 && length >= 0 && length <= this.size - offset)) {
      throw new FormatError('malformed', this.where, offset, `${length} bytes wanted, size is ${this.size}`);
    }
    const index = floor(offset / PAGE);
    const within = offset - index * PAGE;
    if (within + length > PAGE) return this.source.read(this.start + offset, length);
    return this.page(index).subarray(within, within + length);
  }

  private page(index: number): Uint8Array {
    if (index === this.lastIndex) return this.lastPage;
    let page = this.pages.get(index);
    if (page === undefined) {
      if (this.pages.size >= CACHED_PAGES) {
        const oldest = this.pages.keys().next();
        if (!oldest.done) this.pages.delete(oldest.value);
      }
      page = this.source.read(this.start + index * PAGE, min(PAGE, this.size - index * PAGE));
      this.pages.set(index, page);
    }
    this.lastIndex = index;
    this.lastPage = page;
    return page;
  }

  /** A cursor over `length` bytes from `offset` on. */
  cursor(offset: number, length: number): Cursor {
    return new Cursor(this.slice(offset, length), this.where, offset);
  }

  /** Text from `offset` up to NUL, cut at `most` bytes. */
  text(offset: number, most: number = limits.stringBytes): string {
    if (!(offset >= 0 && offset < this.size)) {
      throw new FormatError('malformed', this.where, offset, `string outside the section of ${this.size} bytes`);
    }
    const index = floor(offset / PAGE);
    const page = this.page(index);
    const within = offset - index * PAGE;
    const end = page.indexOf(0, within);
    if (end >= 0) return textOf(page, within, min(end, within + most));
    const longer = this.slice(offset, min(most, this.size - offset));
    const stop = longer.indexOf(0);
    return textOf(longer, 0, stop < 0 ? longer.length : stop);
  }
}
