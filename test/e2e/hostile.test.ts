/** The built action against hostile text and a job that is cancelled: standard output, files of the runner, comment and summary. */
import { describe, expect, test } from '@jest/globals';
import { launch } from '../../src/demo/launch.js';
import { commentEvent } from '../../src/demo/stand-in/events.js';
import { addArtifact, addComment, answers } from '../../src/demo/stand-in/state.js';
import { writeZip } from '../../src/demo/zip-writer.js';
import { ask, caseLog, entry, fixture, imageOfCase, nodeAtHand, questionText, scene, withServers } from './scene.js';

const patience = 60_000;

/** What a runner takes for commands. */
function commandsIn(printed: string): string[] {
  return printed.split(/\r\n|\r|\n/).filter((line) => /^\s*::[A-Za-z-]+( [^:]*)?::/.test(line) || /##\[[A-Za-z-]+( [^\]]*)?\]/.test(line));
}

const nasty = [
  '::set-env name=X::y',
  '##[add-mask]x',
  '</code></details><img src=x>',
  '@octocat',
  '#1',
  '```',
  '-->',
  '[a](https://evil.example)',
  '\u202e',
  'ghadelimiter_0',
].join(' ');

describe('hostile text', () => {
  test(
    'in log, run name, artifact name and path reaches no command, output, comment or summary as itself',
    async () => {
      const { standIn, run } = scene({}, []);
      addArtifact(standIn, {
        runId: run.id,
        name: `a ${nasty.replaceAll('/', '')}`,
        bytes: writeZip([{ path: `x ${nasty}/../../runtime.exe`, bytes: fixture(`images/${imageOfCase}/image.elf`) }]),
      });
      addArtifact(standIn, { runId: run.id, name: `b ${nasty.replaceAll('/', '')}`, bytes: Buffer.from('PK nonsense') });
      const log = `${caseLog}\nFatal: Halting! Condition '${nasty}' failed, line 5, file ${nasty}\n[00]: ${nasty}`;
      await withServers(standIn, async (running) => {
        const result = await ask(standIn, running, questionText(run, log), {
          variables: { RUNNER_DEBUG: '1', ACTIONS_STEP_DEBUG: 'true' },
        });
        expect(result.status).toBe(0);
        for (const line of commandsIn(result.printed)) expect(line).toMatch(/^::(?:add-mask|warning|debug)::/);
        expect(commandsIn(result.printed).filter((line) => line.includes('set-env') && !line.startsWith('::warning::'))).toEqual([]);
        expect(result.forbidden).toBe('');
        expect(Object.keys(result.outputs).sort()).toEqual([
          'annotated-log',
          'comment-id',
          'comment-url',
          'crash-count',
          'report',
          'signature',
          'suspected-msr',
          'verdict',
        ]);
        for (const shown of [answers(standIn)[0]?.body ?? '', result.summary]) {
          // inside a fence it is text; outside it must not be
          const outside = shown.replace(/^(`{3,})[^\n]*\n[\s\S]*?^\1$/gm, '');
          expect(outside).not.toContain('<img');
          expect(shown).not.toContain('@octocat');
          expect(shown).not.toMatch(/(?<![\w&])#1\b/);
          expect(shown).not.toContain('\u202e');
          expect(outside).not.toContain('](https://evil.example)');
        }
      });
    },
    patience,
  );

  test(
    'a body of 65,536 emoji comes whole through the event file',
    async () => {
      const { standIn } = scene({}, []);
      await withServers(standIn, async (running) => {
        const result = await ask(
          standIn,
          running,
          `${'\u{1f600}'.repeat(60_000)}\n\`\`\`\n${caseLog.slice(0, 5000)}\n[00]: unhandled exception 13 (0xd), halting!\n\`\`\``,
        );
        expect(result.status).toBe(0);
        expect(answers(standIn)).toHaveLength(1);
        expect(answers(standIn)[0]?.body.length).toBeLessThanOrEqual(65_536);
      });
    },
    patience,
  );
});

describe('cancelled', () => {
  test.each([
    ['while the API is silent', 'api', /\/actions\/runs\/[0-9]+$/],
    ['while storage is silent', 'storage', /./],
    ['while the comment is posted', 'api', /\/issues\/12\/comments$/],
  ] as const)(
    '%s: ends within five seconds, with no partial comment',
    async (_, origin, path) => {
      const { standIn, run } = scene({}, [imageOfCase]);
      await withServers(standIn, async (running, origins) => {
        running.faults.push({
          matches: (where, asked) =>
            where === origin &&
            path.test(asked.path) &&
            (origin === 'storage' || asked.method !== 'GET' || !path.source.includes('comments')),
          times: 99,
          damage: { kind: 'stall', at: 'headers' },
        });
        const comment = addComment(standIn, { number: 12, body: questionText(run) });
        const terminateAfter = 4000;
        const result = await launch(standIn, running, {
          entry,
          node: nodeAtHand,
          event: commentEvent(standIn, origins, comment),
          terminateAfter,
        });
        expect(result.status).toBe(143);
        expect(result.milliseconds).toBeLessThan(terminateAfter + 5000);
        expect(answers(standIn)).toEqual([]);
      });
    },
    patience,
  );
});
