import { describe, expect, test } from '@jest/globals';
import { type Page, paragraph, type SectionName } from '../../../src/core/report/page.js';
import { shorten } from '../../../src/core/report/shorten.js';

const size = 100;
const section = (name: SectionName, shorter?: string) => ({
  name,
  collapsed: false,
  blocks: [paragraph(['x'.repeat(size)])],
  ...(shorter === undefined ? {} : { shorter: shorter === '' ? [] : [paragraph([shorter])] }),
});
const names: readonly SectionName[] = ['verdict', 'stack', 'why', 'registers', 'words', 'events', 'provenance', 'footer'];
const page: Page = names.map((name) => section(name, name === 'words' || name === 'stack' ? 'short' : undefined));
const sizeOf = (one: Page[number]): number =>
  one.blocks.reduce((sum, block) => sum + (block.kind === 'paragraph' ? String(block.text[0]).length : 0), 0);
const left = (limit: number) => {
  const { page: kept, leftOut } = shorten(page, sizeOf, limit, 0);
  return [kept.map(({ name }) => name).join(' '), leftOut.join(', ')];
};

describe('shorten', () => {
  test('leaves a page alone that fits', () => {
    expect(shorten(page, sizeOf, 800, 50)).toEqual({ page, leftOut: [] });
  });

  test('says the least important shorter, then drops in order of meaning', () => {
    expect(left(799)).toEqual(['verdict stack why registers words events provenance footer', 'stack words']);
    expect(left(650)).toEqual(['verdict stack why registers words provenance footer', 'stack words, other events']);
    expect(left(600)).toEqual(['verdict stack why registers provenance footer', 'stack words, other events']);
    expect(left(500)).toEqual(['verdict stack why provenance footer', 'registers, stack words, other events']);
    expect(left(300)).toEqual(['verdict stack footer', 'reasons, registers, stack words, other events, what was done']);
    expect(left(205)).toEqual(['verdict stack footer', 'stack, reasons, registers, stack words, other events, what was done']);
    expect(left(1)).toEqual(['verdict footer', 'stack, reasons, registers, stack words, other events, what was done']);
  });

  test('a section whose shorter form is empty goes', () => {
    const one: Page = [section('verdict'), section('why', '')];
    expect(shorten(one, sizeOf, 150, 0)).toMatchObject({ page: [{ name: 'verdict' }], leftOut: ['reasons'] });
  });

  test('a shorter form that is no shorter is not used', () => {
    const one: Page = [section('verdict'), section('words', 'y'.repeat(size))];
    expect(shorten(one, sizeOf, 199, 0)).toMatchObject({ page: [{ name: 'verdict' }] });
  });

  test('keeps room for the note', () => {
    expect(shorten(page, sizeOf, 799, 100).page.map(({ name }) => name)).not.toContain('events');
  });
});
