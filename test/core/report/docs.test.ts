import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  checks,
  damageKinds,
  eras,
  eventKinds,
  findings,
  frameKinds,
  gapKinds,
  grades,
  stopKinds,
  trusts,
  verdicts,
} from './report-schema.js';

const documentation = readFileSync(new URL('../../../docs/REPORT.md', import.meta.url), 'utf8');

/** First column of the table under a heading. */
function documented(heading: string): readonly string[] {
  const section = documentation.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/^\| `([a-z0-9-]+)` \| \S/gm)].map((row) => row[1] ?? '');
}

describe('docs/REPORT.md holds every closed list, one sentence each', () => {
  test.each([
    ['Eras', eras],
    ['Damage', damageKinds],
    ['Verdicts', verdicts],
    ['Checks', checks],
    ['Kinds of frames', frameKinds],
    ['Trust', trusts],
    ['Why a walk ended', stopKinds],
    ['Events', eventKinds],
    ['Findings', findings],
    ['Grades', grades],
    ['Gaps', gapKinds],
  ])('%s', (heading, values) => {
    expect(documented(heading)).toEqual(values);
  });
});
