import { describe, expect, test } from '@jest/globals';
import { feedbackLink, repositoryPath, sourceLink } from '../../../src/core/report/links.js';
import { makeContext } from '../../build/report-builder.js';

const commit = 'd8f2220a6ac1d8f2220a6ac1d8f2220a6ac1d8f2';
const context = makeContext({ repositoryUrl: 'https://github.com/owner/hyp', commit });

describe('repositoryPath', () => {
  test.each([
    ['/home/runner/work/hyp/hyp/src/a.c', 'src/a.c'],
    ['/home/runner/work/hyp/hyp/src/../include/a.h', 'include/a.h'],
    ['/__w/hyp/hyp/a.c', 'a.c'],
    ['D:\\a\\hyp\\hyp\\src\\a.c', 'src/a.c'],
    ['/home/runner/work/hyp/hyp/../../etc/passwd', undefined],
    ['/home/runner/work/hyp/other/a.c', undefined],
    ['/usr/include/a.h', undefined],
    ['a.c', undefined],
  ])('%s is %s', (file, path) => {
    expect(repositoryPath(file)).toBe(path);
  });
});

describe('sourceLink', () => {
  test('is built from validated parts, the path percent-encoded', () => {
    expect(sourceLink('/home/runner/work/hyp/hyp/a b/@root#1"><img>.c', 7, context)).toBe(
      `https://github.com/owner/hyp/blob/${commit}/a%20b/%40root%231%22%3E%3Cimg%3E.c#L7`,
    );
    expect(sourceLink('/home/runner/work/hyp/hyp/é\ud800.c', undefined, context)).toBe(
      `https://github.com/owner/hyp/blob/${commit}/%C3%A9%EF%BF%BD.c`,
    );
  });

  test.each([
    ['no commit', makeContext({ repositoryUrl: 'https://github.com/owner/hyp' })],
    ['a short commit', makeContext({ repositoryUrl: 'https://github.com/owner/hyp', commit: 'abc' })],
    ['no repository', makeContext({ commit })],
    ['an address with a path behind', makeContext({ repositoryUrl: 'https://github.com/owner/hyp/tree', commit })],
    ['an address with a user', makeContext({ repositoryUrl: 'https://a@github.com/owner/hyp', commit })],
    ['an address with markup', makeContext({ repositoryUrl: 'https://github.com/owner/hyp">', commit })],
  ])('is absent with %s', (_, wrong) => {
    expect(sourceLink('/home/runner/work/hyp/hyp/a.c', 1, wrong)).toBeUndefined();
  });
});

test('a wrong answer is told where the tool lives', () => {
  expect(feedbackLink(makeContext({ toolRepositoryUrl: 'https://github.com/owner/tool' }))).toBe(
    'https://github.com/owner/tool/issues/new?title=Wrong%20answer',
  );
  expect(feedbackLink(makeContext({ toolRepositoryUrl: 'javascript:alert(1)' }))).toBeUndefined();
  expect(feedbackLink(makeContext())).toBeUndefined();
});
