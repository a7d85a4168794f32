/**
 * Which hosts may be asked, derived from the server's own address and nothing else. Everything but loopback servers (tests, the demo)
 * is https on the standard port. Numbers in place of a host name are refused with the rest: no list below holds one.
 *
 * Names are not resolved here: on a GitHub Enterprise Server behind a company's wall the right host has a private address.
 */
import { type Environment, isLoopback } from './environment.js';

/** What a request is for; each has its own list. */
export type Purpose = 'api' | 'artifact' | 'attachment';

function under(hostname: string, domain: string): boolean {
  return hostname === domain || hostname.endsWith(`.${domain}`);
}

/** Storage behind the artifact redirect and behind attachments, for each kind of server. */
function storageAllows(environment: Environment, hostname: string, purpose: Purpose): boolean {
  const server = new URL(environment.serverUrl).hostname;
  if (server === 'github.com') {
    if (under(hostname, 'githubusercontent.com') || hostname === 'github.com' || hostname === 'gist.github.com') return true;
    return purpose === 'artifact' && under(hostname, 'blob.core.windows.net');
  }
  // ghe.com tenants and own servers: their own names, and the clouds an owner may have configured for storage
  if (under(hostname, server)) return true;
  if (under(server, 'ghe.com') && under(hostname, 'githubusercontent.com')) return true;
  return ['blob.core.windows.net', 'amazonaws.com', 'storage.googleapis.com'].some((cloud) => under(hostname, cloud));
}

/** The address if this purpose may ask it, else `undefined`. `text` may be relative to `base`. */
export function allowedAddress(environment: Environment, text: string, purpose: Purpose, base?: string): URL | undefined {
  if (text.length > 8192 || !URL.canParse(text, base)) return undefined;
  const url = new URL(text, base);
  if (url.username !== '' || url.password !== '' || url.hostname === '' || url.hostname.endsWith('.')) return undefined;
  const server = new URL(environment.serverUrl);
  const api = new URL(environment.apiUrl);
  if (url.origin === api.origin) return url;
  if (purpose === 'api') return undefined;
  if (isLoopback(server.hostname) && isLoopback(api.hostname)) {
    if (isLoopback(url.hostname) && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
    return undefined;
  }
  if (url.protocol !== 'https:' || url.port !== '') return undefined;
  return storageAllows(environment, url.hostname, purpose) ? url : undefined;
}
