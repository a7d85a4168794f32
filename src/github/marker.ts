/**
 * The hidden first line of our comments: how an answer is found again, and what an answer waits for.
 *
 * `<!-- symbolize-serial-crash:v1 comment=345 sig=1a2b -->`, and on the line after it, while a run is still going,
 * `<!-- symbolize-serial-crash:waits run=678 -->`. Anybody can write such a line: an answer is ours when its author is, too.
 */
import type { QuestionKey } from './event.js';

const start = '<!-- symbolize-serial-crash:v1 ';
const line = /^<!-- symbolize-serial-crash:v1 (issue|comment|review)=([0-9]{1,16})(?: sig=([0-9a-f]{1,64}))? -->/;
const waiting = /^<!-- symbolize-serial-crash:waits run=([0-9]{1,16}) -->$/m;

/** Begins with our marker, whoever wrote it. */
export function isMarked(body: string): boolean {
  return body.startsWith(start);
}

export function keyText(key: QuestionKey): string {
  return `${key.kind}=${key.id}`;
}

export function marker(key: QuestionKey): string {
  return `${start}${keyText(key)} -->`;
}

export function readMarker(body: string): { readonly key: QuestionKey; readonly signature?: string } | undefined {
  const match = line.exec(body);
  const id = Number(match?.[2]);
  const kind = match?.[1];
  if (!Number.isSafeInteger(id) || (kind !== 'issue' && kind !== 'comment' && kind !== 'review')) return undefined;
  return { key: { kind, id }, ...(match?.[3] === undefined ? {} : { signature: match[3] }) };
}

export function waitingMark(runId: number): string {
  return `<!-- symbolize-serial-crash:waits run=${runId} -->`;
}

/** Looked for in the first 400 characters: further down stands text of others. */
export function waitsFor(body: string): number | undefined {
  const id = Number(waiting.exec(body.slice(0, 400))?.[1]);
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}
