import { describe, expect, test } from '@jest/globals';
import { renderText } from '../../../src/core/report/text.js';
import { makeContext } from '../../build/report-builder.js';
import { sampleReports } from '../../build/sample-reports.js';

const samples = sampleReports().map((sample) => [sample.slug, sample] as const);

describe('plain text', () => {
  test.each(samples)('%s moves no cursor and hides nothing', (_, { report, context }) => {
    expect(renderText(report, context)).toMatch(/^[\n\x20-\x7e\u2713\u2717]*$/);
  });

  test.each(samples)('%s keeps prose to 100 columns', (_, { report, context }) => {
    const prose = renderText(report, context)
      .split('\n')
      .filter((line) => /^(?:- |[A-Z#])/.test(line) && !/ {2,}/.test(line));
    for (const line of prose) if (line.includes(' ')) expect(line.length).toBeLessThanOrEqual(100);
  });

  test('sets the sections apart by headings', () => {
    const [sample] = sampleReports();
    const text = sample === undefined ? '' : renderText(sample.report, makeContext());
    expect(text).toContain('\nWhy\n---\n');
    expect(text).toContain('\nRegisters of CPU 00\n-------------------\n');
  });
});
