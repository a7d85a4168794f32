/**
 * Why a return address is believed, in words: what its CALL reaches by the code, and whether the debug information says the same.
 *
 * In: a call site that was proved by the code. Out: the evidence, and a note where DWARF names another function. Refuses to claim more of a call
 * through a pointer than that it can lead here, whatever DWARF names.
 */
import { type LinkAddress, linkAddress } from '../addresses.js';
import { callsBefore } from '../image/call-site-info.js';
import type { Image } from '../image/image.js';
import { type Sentence, say } from '../sentence.js';
import type { ReturnSite } from './address-space.js';
import type { Reach } from './call-sites.js';
import { nameOf } from './outward.js';

export function callEvidence(from: ReturnSite, reach: Reach): { readonly evidence: Sentence; readonly notes: readonly Sentence[] } {
  const { map } = from.place;
  const { target } = from.site;
  const called = target === undefined ? undefined : (map.entryAt(target) ?? map.functionAt(target));
  const name = nameOf(called, called === undefined ? undefined : { ...from.place, link: called.entry });
  const evidence = evidenceOf(reach, name);
  const described = target === undefined ? undefined : describedCallee(from, target, called?.entry);
  if (described === undefined) return { evidence, notes: [] };
  if (described === 'same') return { evidence: say`${evidence}; DWARF's call site names the same function`, notes: [] };
  return { evidence, notes: [say`the code calls ${name}, DWARF's call site names ${described.other}`] };
}

function evidenceOf(reach: Reach, name: string): Sentence {
  switch (reach.how) {
    case 'direct':
      return say`direct call of ${name}`;
    case 'tail':
      return say`direct call of ${name}, which ends in a jump towards the frame inside`;
    case 'tails':
      return say`direct call of ${name}, which ends in jumps towards the frame inside by more than one way`;
    case 'indirect-tail':
      return say`direct call of ${name}, which ends in a jump through a pointer`;
    case 'indirect':
      return say`call through a pointer`;
    default:
      return reach satisfies never;
  }
}

/** `undefined` where there is no call site, or none that names a function of this image. */
function describedCallee(
  { place }: ReturnSite,
  target: LinkAddress,
  entry: LinkAddress | undefined,
): 'same' | { readonly other: string } | undefined {
  const { image } = place.map;
  const origins = callsBefore(image, place.link).flatMap(({ origin }) => (origin === undefined ? [] : [origin]));
  const isCalled = (address: LinkAddress): boolean => address === target || address === entry;
  if (origins.some(({ name, entries }) => entries.some(isCalled) || isNamed(image, target, name))) return 'same';
  const other = origins.find(({ entries }) => entries.length > 0);
  return other === undefined ? undefined : { other: other.name };
}

/** Another symbol at the same place, or a copy that the compiler made of the function: `name.constprop.0`. */
function isNamed(image: Image, target: LinkAddress, name: string): boolean {
  if (image.symbolsNamed(name).some(({ address }) => address === target)) return true;
  const found = image.symbolAt(linkAddress(target));
  return found !== undefined && found.offset === 0 && found.symbol.name.startsWith(`${name}.`);
}
