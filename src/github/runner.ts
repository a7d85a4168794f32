/** What the runner takes from a step beside its exit status: outputs, the job summary, masked values. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from './environment.js';

export type OutputName =
  | 'verdict'
  | 'crash-count'
  | 'signature'
  | 'suspected-msr'
  | 'comment-id'
  | 'comment-url'
  | 'report'
  | 'annotated-log'
  | 'issues';

export interface Runner {
  /** Numbers, values of closed lists, addresses and paths of ours: never foreign text. */
  setOutput(name: OutputName, value: string): Promise<void>;
  /** Markdown within GitHub's limit for one step. */
  addSummary(markdown: string): Promise<void>;
  /** The runner blanks the value in everything it prints from here on. */
  mask(value: string): Promise<void>;
  /** Writes a file of a name of ours and answers its path. */
  save(name: 'report.json' | 'annotated-log.txt', content: string): string;
}

/** `@actions/core` is loaded only when there is something to say: it costs a silent event more than all the rest. */
export function createRunner(environment: Pick<Environment, 'tempDir' | 'summaryPath' | 'outputPath'>): Runner {
  let folder: string | undefined;
  const core = () => import('@actions/core');
  return {
    async setOutput(name, value) {
      // without its file the runner would read the value off standard output
      if (environment.outputPath !== undefined) (await core()).setOutput(name, value);
    },
    async addSummary(markdown) {
      if (environment.summaryPath !== undefined) await (await core()).summary.addRaw(markdown, true).write();
    },
    async mask(value) {
      (await core()).setSecret(value);
    },
    save(name, content) {
      if (folder === undefined) {
        const base = environment.tempDir ?? tmpdir();
        mkdirSync(base, { recursive: true });
        folder = mkdtempSync(join(base, 'symbolize-serial-crash-'));
      }
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
  };
}
