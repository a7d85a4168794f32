/** The check of the stand-in against GitHub's description must itself find what is wrong. */
import { describe, expect, test } from '@jest/globals';
import type { Recorded } from '../../src/demo/stand-in/server.js';
import { violations } from './openapi.js';

const encoder = new TextEncoder();

function exchange(method: string, path: string, body: string, status: number, answer: unknown, query = ''): Recorded {
  return {
    origin: 'api',
    asked: { method, path, query: new URLSearchParams(query), headers: {}, body },
    answer: { status, headers: {}, body: encoder.encode(JSON.stringify(answer)) },
  };
}

const comments = '/repos/a/b/issues/1/comments';
const reaction = { id: 1, node_id: 'x', user: null, content: 'eyes', created_at: '2026-01-01T00:00:00Z' };

describe('found', () => {
  test.each<[string, Recorded, RegExp]>([
    ['an endpoint of no description', exchange('GET', '/repos/a/b/nothing', '', 200, {}), /not described/],
    ['a method of none', exchange('DELETE', '/repos/a/b/actions/runs/1', '', 204, {}), /not described/],
    ['an unknown query parameter', exchange('GET', comments, '', 200, [], 'colour=red'), /no query parameter colour/],
    ['a parameter of another kind', exchange('GET', comments, '', 200, [], 'per_page=many'), /per_page/],
    ['a body without what is required', exchange('POST', comments, '{}', 201, {}), /body: must have required property 'body'/],
    ['a body where none is taken', exchange('GET', comments, '{"a":1}', 200, []), /takes no body/],
    ['a status of no description', exchange('GET', comments, '', 299, []), /299 is not described/],
    [
      'an answer that lacks a field',
      exchange('POST', '/repos/a/b/issues/1/reactions', '{"content":"eyes"}', 201, { ...reaction, id: undefined }),
      /must have required property 'id'/,
    ],
    [
      'an answer with a field of another kind',
      exchange('POST', '/repos/a/b/issues/1/reactions', '{"content":"eyes"}', 201, { ...reaction, id: 'one' }),
      /must be integer/,
    ],
    ['a value outside its list', exchange('POST', '/repos/a/b/issues/1/reactions', '{"content":"wink"}', 201, reaction), /allowed values/],
  ])('%s', (_, recorded, words) => expect(violations(recorded).join('\n')).toMatch(words));

  test('and a right exchange has none', () => {
    expect(violations(exchange('POST', '/repos/a/b/issues/1/reactions', '{"content":"eyes"}', 201, reaction))).toEqual([]);
  });
});
