/**
 * What a log says about the ELF files it came from, for whoever fetches them.
 *
 * In: a `CrashLog`. Out: `ImageQuery`, with everything absent that the log does not say. Refuses: to guess.
 */
import type { Arch } from '../addresses.js';
import type { CrashLog } from './crash-log.js';

export interface ImageQuery {
  /** Absent where nothing in the log tells the width. */
  readonly arch?: Arch;
  /** 40 hex digits each, the boot of the last crash first, then newest first; without repeats. */
  readonly revisions: readonly string[];
  /** Branches, in the order of `revisions`; a branch of a boot without revision is left out. */
  readonly branches: readonly string[];
  /** Bytes of the unpacked hypervisor image. Absent where not printed. */
  readonly imageLength?: number;
  /** SHA-1 of the runtime's image: 40 hex digits. Absent where hashing is off. */
  readonly runtimeSha1?: string;
  /** Where the runtime ran: the address of its first byte. Absent where neither it nor slbase is printed. */
  readonly runtimeBase?: bigint;
  /** File names of the images whose code may stand in the dumps, the most likely first. */
  readonly names: readonly string[];
}

/** The runtime is linked 2 MiB above slbase. */
const runtimeOffset = 0x20_0000n;

export function imagesWanted(log: CrashLog): ImageQuery {
  const lead = log.crashes[log.crashes.length - 1]?.boot ?? log.events.filter((event) => event.fatal).at(-1)?.boot;
  const order = [...log.boots.keys()].reverse().sort((a, b) => Number(b === lead) - Number(a === lead));
  const revisions = new Set<string>();
  const branches = new Set<string>();
  for (const index of order) {
    const boot = log.boots[index];
    if (boot?.revision === undefined) continue;
    revisions.add(boot.revision);
    if (boot.branch !== undefined) branches.add(boot.branch);
  }
  const { facts } = log;
  const slBase = order.map((index) => log.boots[index]?.slBase).find((base) => base !== undefined);
  const ofLead = <T extends { readonly boot?: number }>(fact: T | undefined) =>
    fact === undefined || lead === undefined || fact.boot === undefined || fact.boot === lead ? fact : undefined;
  const base = ofLead(facts.runtimeBase)?.value ?? (slBase === undefined ? undefined : slBase + runtimeOffset);
  const length = ofLead(facts.imageLength)?.value;
  const sha1 = ofLead(facts.runtimeSha1)?.value;
  return {
    ...(log.arch === undefined ? {} : { arch: log.arch }),
    revisions: [...revisions],
    branches: [...branches],
    ...(length === undefined ? {} : { imageLength: length }),
    ...(sha1 === undefined ? {} : { runtimeSha1: sha1 }),
    ...(base === undefined ? {} : { runtimeBase: base }),
    names: ['runtime.exe', 'sl_syms.exe', 'init_syms.exe'],
  };
}
