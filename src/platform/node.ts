/**
 * The one implementation of `Platform`, on Node.
 *
 * In: nothing. Out: what core needs of the outside. Refuses: nothing. The decoder (0.8 MB of wasm) and the MSR table are
 * loaded at their first use, so that an answer which needs neither pays for neither.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateSync } from 'node:zlib';
import { FormatError } from '../core/bytes/format-error.js';
import type { Decode, Platform } from '../core/platform.js';
import { createDecode, type IcedModule } from './decode.js';

export function createPlatform(): Platform {
  let decode: Decode | undefined;
  let msrTable: string | undefined;
  return {
    inflate: inflateWithin,
    sha1: (pieces) => digest('sha1', pieces),
    sha256: (pieces) => digest('sha256', pieces),
    decode: (code, at, arch, limit) => {
      decode ??= createDecode(loadIced());
      return decode(code, at, arch, limit);
    },
    msrTable: () => {
      msrTable ??= readFileSync(msrTablePath(), 'utf8');
      return msrTable;
    },
  };
}

function inflateWithin(bytes: Uint8Array, limit: number): Uint8Array {
  try {
    return inflateSync(bytes, { maxOutputLength: Math.max(1, limit) });
  } catch (error) {
    // Node's own errors come from another realm under jest: asked by shape, not by class.
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }; // what node:zlib throws
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new FormatError('limit', 'zlib stream', -1, `inflates to more than ${limit} bytes`);
    throw new FormatError('malformed', 'zlib stream', -1, String(message));
  }
}

function digest(algorithm: 'sha1' | 'sha256', pieces: Iterable<Uint8Array>): string {
  const hash = createHash(algorithm);
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

/**
 * Bundled, this file is CommonJS and the bundler resolves the `require` below into the bundle, still run at the first call;
 * from source it is an ES module, where there is no `require`.
 */
function loadIced(): IcedModule {
  return typeof require === 'function' ? require('iced-x86') : createRequire(import.meta.url)('iced-x86');
}

/** Beside the bundle (`dist/msr.csv`), or where the source keeps it. */
function msrTablePath(): string {
  const here = typeof __dirname === 'string' ? __dirname : dirname(fileURLToPath(import.meta.url));
  const beside = join(here, 'msr.csv');
  return existsSync(beside) ? beside : join(here, '..', 'core', 'diagnose', 'msr.csv');
}
