/** The local command: the same engine on local files; no token, no network but the demo's loopback. */
import { CommandError, type ExitStatus, oneLine } from './cli/command.js';

declare const TOOL_VERSION: string; // set by the build

const usage = `symbolize-serial-crash ${TOOL_VERSION}

  report --log FILE|- [--image FILE|ZIP]... [--format markdown|text|json|annotated|html]
  lookup --image FILE [--json] [--return-addresses] ADDRESS...|-
  msr NUMBER [--log FILE]
  demo

Addresses and MSR numbers are hexadecimal, with or without 0x. Exit status: 0 done, 1 nothing found, 2 usage or unreadable input.
`;

function write(text: string): void {
  process.stdout.write(text);
}

async function run([command, ...args]: readonly string[]): Promise<ExitStatus> {
  switch (command) {
    case 'report':
      return (await import('./cli/report-command.js')).reportCommand(args, write);
    case 'lookup':
      return (await import('./cli/lookup-command.js')).lookupCommand(args, write);
    case 'msr':
      return (await import('./cli/msr-command.js')).msrCommand(args, write);
    case 'demo':
      return (await import('./cli/demo-command.js')).demoCommand();
    case 'help':
    case '--help':
    case '-h':
      write(usage);
      return 0;
    case '--version':
      write(`${TOOL_VERSION}\n`);
      return 0;
    default:
      throw new CommandError(
        `${command === undefined ? 'no command' : `no command ${JSON.stringify(command)}`}; try report, lookup, msr, demo or --help`,
      );
  }
}

/** parseArgs says what is wrong with an option, on one line or two. */
function isOptionError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

function failureLine(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  if (isOptionError(error)) return `${error.message.split('\n')[0]}; try --help`;
  return `fault of this program, please report it: ${error instanceof Error ? error.message : String(error)}`;
}

// a reader that closes the pipe early (head, less) is no failure
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

run(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`symbolize-serial-crash: ${oneLine(failureLine(error))}\n`);
    process.exitCode = 2;
  },
);
