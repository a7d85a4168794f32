import { expect, test } from '@jest/globals';
import { forTerminal } from '../../src/demo/terminal.js';

test('links are their words, code and headings lose their marks, the marker goes', () => {
  const body =
    '<!-- marker -->\n#### Why\n\nAt <a href="https://github.com/o/r"><code>a&#46;c</code></a>, **sure**.\n\n```text\n@\u2060x <a>\n```\n';
  expect(forTerminal(body, { colours: false })).toBe('Why\n\nAt a.c, sure.\n\n    @x <a>');
});
