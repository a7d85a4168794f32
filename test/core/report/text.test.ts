import { describe, expect, test } from '@jest/globals';
import type { ReportContext } from '../../../src/core/report/report.js';
import { renderText } from '../../../src/core/report/text.js';
import { makeContext, makeCrash, makeLog, makeReport, makeReportCrash } from '../../build/report-builder.js';
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

  test('shows the boot as a time line that ends in what ended it', () => {
    const log = makeLog({ text: 'x' });
    const facts = {
      ...log.facts,
      milestones: [
        { name: 'runtime', line: 7 },
        { name: 'partition', line: 20, cpu: '01' },
      ],
    };
    const text = renderText(makeReport({ log: { ...log, facts }, crashes: [makeReportCrash(makeCrash({ line: 12 }), [])] }), makeContext());
    expect(text).toContain('line 7               runtime\nline 12      CPU 00  #GP\nline 20      CPU 01  partition\n');
  });

  test('offers to edit the question only where there is one', () => {
    const foot = (context: ReportContext): string => renderText(makeReport({}), context).slice(-120);
    const { marker: _, toolRepositoryUrl: __, ...local } = makeContext();
    expect(foot({ ...local, marker: '<!-- symbolize-serial-crash:v1 issue=3 -->' })).toContain('Edit the question');
    expect(foot(local)).not.toContain('Wrong?');
  });

  test('sets the sections apart by headings', () => {
    const [sample] = sampleReports();
    const text = sample === undefined ? '' : renderText(sample.report, makeContext());
    expect(text).toContain('\nWhy\n---\n');
    expect(text).toContain('\nRegisters of CPU 00\n-------------------\n');
  });
});
