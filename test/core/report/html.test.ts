import { describe, expect, test } from '@jest/globals';
import { renderHtml } from '../../../src/core/report/html.js';
import { htmlStyle } from '../../../src/core/report/html-style.js';
import { renderMarkdown } from '../../../src/core/report/markdown.js';
import { makeContext, msrReport } from '../../build/report-builder.js';
import { sampleReports } from '../../build/sample-reports.js';

const samples = sampleReports().map((sample) => [sample.slug, sample] as const);

const voidTags = new Set(['meta', 'br', 'hr']);

/** Tags that are left open or closed in the wrong order. */
function unbalanced(html: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, slash, name = ''] of html.replace(/<style>[\s\S]*?<\/style>|<!doctype html>/g, '').matchAll(/<(\/?)([a-z0-9]+)[^>]*>/g)) {
    if (voidTags.has(name)) continue;
    if (slash === '') open.push(name);
    else if (open.pop() !== name) wrong.push(name);
  }
  return [...wrong, ...open];
}

/** WCAG 2.2 contrast ratio of two colours `#rrggbb`. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

describe('HTML report', () => {
  test.each(samples)('%s is balanced, holds no script and loads nothing', (_, { report, context }) => {
    const html = renderHtml(report, context);
    expect(unbalanced(html)).toEqual([]);
    const tags = html.replace(/<style>[\s\S]*?<\/style>/, '').match(/<[^>]*>/g) ?? [];
    for (const tag of tags) expect(tag).not.toMatch(/<(?:script|img|link|iframe|object|form)|\son[a-z]+=|\ssrc=/i);
    for (const [, address] of html.matchAll(/href="([^"]*)"/g)) expect(address).toMatch(/^https:\/\/github\.com\/owner\//);
    expect(html).toContain("default-src 'none'");
  });

  test('says what the comment says', () => {
    const html = renderHtml(msrReport(), makeContext());
    const markdown = renderMarkdown(msrReport(), makeContext());
    for (const words of ['RDMSR 0x491 IA32_VMX_VMFUNC', 'partition_initialize', 'Registers of CPU 00', 'Damage of the log (1 note)']) {
      expect(html).toContain(words);
      expect(markdown).toContain(words);
    }
  });

  test('can be used without eyes and without a mouse', () => {
    const html = renderHtml(msrReport(), makeContext());
    expect(html).toContain('<html lang="en">');
    expect(html).toMatch(/<header>[\s\S]*<h1>[\s\S]*<main>[\s\S]*<footer>/);
    for (const pre of html.match(/<pre[^>]*>/g) ?? []) expect(pre).toContain('tabindex="0"');
    for (const header of html.match(/<th[ >][^>]*/g) ?? []) expect(header).toContain('scope="col"');
    // every fold is a native one, with a heading inside for lists of headings
    expect((html.match(/<summary><h2>/g) ?? []).length).toBe((html.match(/<details/g) ?? []).length);
  });

  test('text stands out from its ground in light and in dark', () => {
    const schemes = [...htmlStyle.matchAll(/:root \{[^}]*\}/g)].map(
      ([block]) => new Map([...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name ?? '', value ?? ''])),
    );
    expect(schemes).toHaveLength(2);
    for (const colours of schemes) {
      for (const [ink, ground] of [
        ['ink', 'paper'],
        ['ink', 'panel'],
        ['soft', 'paper'],
        ['soft', 'panel'],
        ['link', 'paper'],
        ['link', 'panel'],
        ['title', 'panel'],
        ['guilty-ink', 'guilty'],
      ] as const) {
        expect([ink, ground, contrast(colours.get(ink) ?? '', colours.get(ground) ?? '') >= 4.5]).toEqual([ink, ground, true]);
      }
    }
  });
});
