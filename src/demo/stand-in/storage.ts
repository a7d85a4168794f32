/** Storage behind signed addresses, as Azure's blobs answer ranges; and the files of the server itself: attachments and gists. */
import type { Answered, Asked } from './routes.js';
import type { StandIn } from './state.js';

const text = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answered => ({
  status,
  headers: { 'content-type': 'application/xml', ...headers },
  body: new TextEncoder().encode(body),
});

/** `bytes=a-b` and `bytes=a-` only: the suffix form is not served there either. */
function ranged(bytes: Uint8Array, contentType: string, range: string | undefined): Answered {
  const match = /^bytes=([0-9]+)-([0-9]*)$/.exec(range ?? '');
  if (range === undefined || match === null)
    return { status: 200, headers: { 'content-type': contentType, 'accept-ranges': 'bytes' }, body: bytes };
  const from = Number(match[1]);
  const to = Math.min(match[2] === '' ? bytes.length - 1 : Number(match[2]), bytes.length - 1);
  if (from >= bytes.length || to < from)
    return text(416, '<Error><Code>InvalidRange</Code></Error>', { 'content-range': `bytes */${bytes.length}` });
  return {
    status: 206,
    headers: { 'content-type': contentType, 'content-range': `bytes ${from}-${to}/${bytes.length}`, 'accept-ranges': 'bytes' },
    body: bytes.subarray(from, to + 1),
  };
}

export function answerStorage(standIn: StandIn, asked: Asked): Answered {
  if (asked.headers.authorization !== undefined) return text(400, '<Error><Code>InvalidAuthenticationInfo</Code></Error>');
  const id = Number(/^\/artifacts\/([0-9]+)\.zip$/.exec(asked.path)?.[1]);
  const signed = standIn.signed.get(asked.query.get('sig') ?? '');
  if (signed === undefined || signed.artifact !== id || signed.until < standIn.now()) {
    return text(403, '<Error><Code>AuthenticationFailed</Code></Error>');
  }
  const artifact = standIn.artifacts.get(id);
  if (artifact === undefined) return text(404, '<Error><Code>BlobNotFound</Code></Error>');
  return ranged(artifact.bytes, artifact.contentType, asked.headers.range);
}

/** Attachments: the server sends on to storage, as the site does. */
export function answerServer(standIn: StandIn, storage: string, asked: Asked): Answered {
  const file = standIn.files.get(decodeURIComponent(asked.path));
  if (file === undefined) return text(404, 'Not Found', { 'content-type': 'text/plain' });
  if (standIn.isPrivate && asked.headers.authorization !== undefined) return text(404, 'Not Found', { 'content-type': 'text/plain' });
  return { status: 302, headers: { location: `${storage}/files${asked.path}?token=signed` }, body: new Uint8Array() };
}

export function answerFile(standIn: StandIn, asked: Asked): Answered {
  if (asked.headers.authorization !== undefined) return text(400, '<Error><Code>InvalidAuthenticationInfo</Code></Error>');
  const file = standIn.files.get(decodeURIComponent(asked.path.slice('/files'.length)));
  if (file === undefined || asked.query.get('token') !== 'signed') return text(403, '<Error><Code>AuthenticationFailed</Code></Error>');
  return ranged(file.bytes, file.contentType, asked.headers.range);
}
