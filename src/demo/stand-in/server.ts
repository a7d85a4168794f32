/**
 * The stand-in on three origins of loopback: the API under `/api/v3` and the server's own pages by one port, storage by another and by
 * the other name of loopback. Every exchange is recorded.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Damage, type Fault, type Origin, strike } from './faults.js';
import { type Answered, type Asked, answerApi } from './routes.js';
import type { StandIn } from './state.js';
import { answerFile, answerServer, answerStorage } from './storage.js';

export interface Recorded {
  readonly origin: Origin;
  readonly asked: Asked;
  /** Absent where the exchange was cut before an answer. */
  answer?: Answered;
}

export interface RunningStandIn {
  readonly apiUrl: string;
  readonly serverUrl: string;
  readonly storageUrl: string;
  readonly recorded: Recorded[];
  readonly faults: Fault[];
  /** Milliseconds before each answer. */
  delay: number;
  close(): Promise<void>;
}

const prefix = '/api/v3';
const graphql = '/api/graphql';

/** Which of the front's two origins a path is of, and the path there. */
export function frontPath(path: string): { readonly origin: 'api' | 'server'; readonly path: string } {
  if (path === graphql) return { origin: 'api', path: '/graphql' };
  return path.startsWith(`${prefix}/`) ? { origin: 'api', path: path.slice(prefix.length) } : { origin: 'server', path };
}

/** One exchange without sockets; what the servers and the tests in one process share. */
export function exchangeWith(
  standIn: StandIn,
  urls: { readonly api: string; readonly server: string; readonly storage: string },
  origin: Origin,
  asked: Asked,
): Answered {
  switch (origin) {
    case 'api':
      return answerApi({ standIn, origins: { api: urls.api, server: urls.server }, storage: urls.storage }, asked);
    case 'server':
      return answerServer(standIn, urls.storage, asked);
    case 'storage':
      return asked.path.startsWith('/files/') ? answerFile(standIn, asked) : answerStorage(standIn, asked);
    default:
      return origin satisfies never;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString('utf8');
}

function headersOf(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '');
  return headers;
}

function send(response: ServerResponse, answer: Answered, damage: Damage | undefined): void {
  const share = damage?.kind === 'cut' ? damage.share : damage?.kind === 'stall' ? 0.5 : 1;
  const length = Math.floor(answer.body.length * share);
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(answer.status === 204 ? {} : { 'content-length': String(answer.body.length) }),
    date: new Date().toUTCString(),
  });
  if (share === 1) {
    response.end(answer.body);
    return;
  }
  response.flushHeaders();
  response.write(answer.body.subarray(0, length), () => {
    if (damage?.kind === 'cut') response.destroy();
  });
}

function listen(server: Server, host: string): Promise<number> {
  return new Promise((resolve) => {
    // a server on a port has an address of this form
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port));
  });
}

export async function startStandIn(standIn: StandIn): Promise<RunningStandIn> {
  const recorded: Recorded[] = [];
  const faults: Fault[] = [];
  const running = { delay: 0 };
  let urls = { api: '', server: '', storage: '' };
  const serve =
    (where: (path: string) => { readonly origin: Origin; readonly path: string }) =>
    async (request: IncomingMessage, response: ServerResponse) => {
      const url = new URL(request.url ?? '/', 'http://loopback');
      const { origin, path } = where(url.pathname);
      const asked: Asked = {
        method: request.method ?? 'GET',
        path,
        query: url.searchParams,
        headers: headersOf(request),
        body: await bodyOf(request),
      };
      const record: Recorded = { origin, asked };
      recorded.push(record);
      if (running.delay > 0) await new Promise((resolve) => setTimeout(resolve, running.delay));
      const damage = strike(faults, origin, asked);
      if (damage?.kind === 'drop' && !damage.after) return void request.socket.destroy();
      if (damage?.kind === 'stall' && damage.at === 'headers') return;
      const done = damage?.kind === 'answer' ? damage.answer : exchangeWith(standIn, urls, origin, asked);
      if (damage?.kind === 'drop') return void request.socket.destroy();
      record.answer = damage?.kind === 'answer-after' ? damage.answer : damage?.kind === 'change' ? damage.change(done) : done;
      send(response, record.answer, damage);
    };
  const front = createServer(serve(frontPath));
  const storage = createServer(serve((path) => ({ origin: 'storage', path })));
  const [frontPort, storagePort] = await Promise.all([listen(front, '127.0.0.1'), listen(storage, 'localhost')]);
  const serverUrl = `http://127.0.0.1:${frontPort}`;
  // the other name, so that it is another host name too
  urls = { api: `${serverUrl}${prefix}`, server: serverUrl, storage: `http://localhost:${storagePort}` };
  const close = (server: Server): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return {
    apiUrl: urls.api,
    serverUrl: urls.server,
    storageUrl: urls.storage,
    recorded,
    faults,
    get delay() {
      return running.delay;
    },
    set delay(milliseconds) {
      running.delay = milliseconds;
    },
    close: async () => {
      await Promise.all([close(front), close(storage)]);
    },
  };
}
