/**
 * Where an image ran: the bias between its link addresses and the log's addresses.
 *
 * In: an opened image and what the log says of bases. Out: the bias and how it was found. Refuses to guess: where the
 * log gives no base for a position-independent image, the caller may try `biasFromCallSites`.
 *
 * XMHF's images: the runtime is linked at slbase + 0x200000 and runs there; the secure loader is linked at 0 and runs at
 * slbase; the bootloader is linked at 0x01e00000 and runs there (docs/LOG-DIALECTS.md).
 */
import { hex, type LinkAddress, linkAddress, linkAddressValue } from '../addresses.js';
import type { CrashLog } from '../log/crash-log.js';
import { say } from '../sentence.js';
import type { Image } from './image.js';
import type { LoadedImage } from './loaded-image.js';

/** Offset of the runtime behind the secure loader: the loader's window is 2 MiB (XMHF's `PA_PAGE_SIZE_2M`). */
const loaderWindow = 0x20_0000n;

/** First byte of the lowest executable section. */
export function codeStart(image: Image): LinkAddress | undefined {
  const starts = image.sections.filter((section) => section.executable && section.hasBytes).map((section) => section.address);
  return starts.length === 0
    ? undefined
    : linkAddress(starts.reduce<number>((lowest, start) => Math.min(lowest, start), Number.POSITIVE_INFINITY));
}

/** Every address at which the log says that a runtime starts, with what says so. */
export function runtimeBases(log: CrashLog): readonly { readonly base: bigint; readonly line?: number }[] {
  const bases: { base: bigint; line?: number }[] = [];
  const add = (base: bigint, line?: number): void => {
    if (!bases.some((known) => known.base === base)) bases.push(line === undefined ? { base } : { base, line });
  };
  if (log.facts.runtimeBase) add(log.facts.runtimeBase.value, log.facts.runtimeBase.line);
  for (const boot of log.boots) if (boot.slBase !== undefined) add(boot.slBase + loaderWindow, boot.line);
  return bases;
}

export function placeImage(image: Image, log: CrashLog): LoadedImage {
  const start = codeStart(image);
  if (start === undefined) return { image, bias: 0n };
  const linked = linkAddressValue(start);
  // the secure loader: linked at 0, its code within the 2 MiB window
  if (image.type === 'executable' && linked < loaderWindow) {
    const loader = log.boots.find((boot) => boot.slBase !== undefined && boot.slBase !== 0n);
    if (loader?.slBase !== undefined) {
      return { image, bias: loader.slBase, biasFrom: say`linked at ${hex(linked)}, runs at the log's slbase ${hex(loader.slBase)}` };
    }
    return { image, bias: 0n };
  }
  if (image.type === 'shared') {
    const [only, ...others] = runtimeBases(log);
    if (only && others.length === 0) {
      return {
        image,
        bias: only.base - linked,
        biasFrom: say`position-independent; the log says that the runtime starts at ${hex(only.base)}`,
      };
    }
  }
  return { image, bias: 0n };
}
