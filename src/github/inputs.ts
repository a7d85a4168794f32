/** The action's inputs as values, read once. A value outside its list is told at once: nothing later looks at an input's text. */
import { say } from '../core/sentence.js';
import type { Variables } from './environment.js';
import { defaultImages } from './image-files.js';
import { Problem } from './problem.js';

export interface Inputs {
  readonly token: string;
  readonly runId?: number;
  readonly issueNumber?: number;
  readonly commentId?: number;
  /** Text, or one address. */
  readonly log?: string;
  readonly artifact: string;
  /** First is the main image. */
  readonly images: readonly string[];
  readonly forkArtifacts: 'label' | 'allow' | 'deny';
  readonly respondTo: 'anyone' | 'triage' | 'write';
  readonly comment: boolean;
  readonly list: boolean;
}

/** `inputs` of a `workflow_dispatch` event bear the same names; the event file holds texts that the environment cannot. */
export function readInputs(variables: Variables, dispatched: Readonly<Record<string, unknown>> = {}): Inputs {
  const text = (name: string): string => {
    const given = (variables[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`] ?? '').trim();
    const sent = dispatched[name];
    if (given !== '') return given;
    return typeof sent === 'string' ? sent.trim() : typeof sent === 'number' || typeof sent === 'boolean' ? String(sent) : '';
  };
  const number = (name: string): number | undefined => {
    const given = text(name);
    if (given === '') return undefined;
    if (!/^[0-9]{1,16}$/.test(given) || !Number.isSafeInteger(Number(given)) || Number(given) === 0) {
      throw new Problem('input', say`The input ${name} is ${given.slice(0, 100)}. It must be a number, as it stands in the address.`);
    }
    return Number(given);
  };
  const choice = <T extends string>(name: string, choices: readonly [T, ...T[]]): T => {
    const given = text(name).toLowerCase();
    if (given === '') return choices[0];
    const found = choices.find((one) => one === given);
    if (found === undefined)
      throw new Problem('input', say`The input ${name} is ${given.slice(0, 100)}. It must be one of ${choices.join(', ')}.`);
    return found;
  };
  const token = text('github-token');
  if (token === '') throw new Problem('input', say`The input ${'github-token'} is empty. Leave it out to use the job's own token.`);
  const images = text('images')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const runId = number('run-id');
  const issueNumber = number('issue-number');
  const commentId = number('comment-id');
  const log = text('log');
  return {
    token,
    ...(runId === undefined ? {} : { runId }),
    ...(issueNumber === undefined ? {} : { issueNumber }),
    ...(commentId === undefined ? {} : { commentId }),
    ...(log === '' ? {} : { log }),
    artifact: text('artifact') || '*',
    images: images.length > 0 ? images : defaultImages,
    forkArtifacts: choice('fork-artifacts', ['label', 'allow', 'deny']),
    respondTo: choice('respond-to', ['anyone', 'triage', 'write']),
    comment: choice('comment', ['true', 'false']) === 'true',
    list: choice('list', ['false', 'true']) === 'true',
  };
}
