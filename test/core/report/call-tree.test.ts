import { describe, expect, test } from '@jest/globals';
import { mergedTree } from '../../../src/core/report/call-tree.js';
import { makeCrash, makeFrame, makeReportCrash } from '../../build/report-builder.js';

const crash = (cpu: string, ...names: readonly string[]) =>
  makeReportCrash(
    makeCrash({ cpu }),
    names.map((name) => makeFrame({ at: 1n, functions: [{ name }] })),
  );

describe('mergedTree', () => {
  test('joins stacks at their outer functions, as a drawing and in words', () => {
    const tree = mergedTree([crash('00', 'fault', 'left', 'main'), crash('01', 'fault', 'fault', 'right', 'main')]);
    expect(tree).toEqual({
      kind: 'diagram',
      lines: [
        'flowchart TD',
        '  n1["main"]',
        '  n1 --> n2',
        '  n1 --> n4',
        '  n2["left"]',
        '  n2 --> n3',
        '  n4["right"]',
        '  n4 --> n5',
        '  n3["fault"]',
        '  n5["fault"]',
        '  e0(["GP on CPU 00"])',
        '  n3 --> e0',
        '  e1(["GP on CPU 01"])',
        '  n5 --> e1',
      ],
      outline: [
        { text: 'outermost first', mark: 'title' },
        { text: 'main' },
        { text: '  left' },
        { text: '  fault' },
        { text: '    => #GP on CPU 00', mark: 'guilty' },
        { text: '  right' },
        { text: '  fault' },
        { text: '    => #GP on CPU 01', mark: 'guilty' },
      ],
    });
  });

  test('is not drawn for one stack, nor for stacks with nothing in common', () => {
    expect(mergedTree([crash('00', 'a', 'b')])).toBeUndefined();
    expect(mergedTree([crash('00', 'a', 'b'), crash('01', 'a', 'c')])).toBeUndefined();
    expect(mergedTree([crash('00', 'a', 'b'), crash('01')])).toBeUndefined();
  });

  test('is not drawn where it has more boxes than a reader', () => {
    const deep = Array.from({ length: 80 }, (_, index) => `f${index}`);
    expect(mergedTree([crash('00', 'x', ...deep), crash('01', 'y', ...deep)])).toBeUndefined();
  });

  test('lets no character of a name through that Mermaid acts on', () => {
    const tree = mergedTree([crash('00', 'a"]; click n1 "javascript:x"', 'main'), crash('01', '%%{init}%%<b>&#1;\n`', 'main')]);
    const lines = tree?.kind === 'diagram' ? tree.lines : [];
    for (const line of lines.slice(1))
      expect(line).toMatch(/^ {2}(?:\w+ --> \w+|\w+\["[A-Za-z0-9_.: ]+"\]|\w+\(\["[A-Za-z0-9_.: ]+"\]\))$/);
    expect(lines.join('\n')).toContain('["init b1"]'.replace(' ', ''));
  });
});
