/** `[hh]`: the local APIC id in two hex digits, in front of every record of a dump. */

export interface CpuTag {
  readonly at: number;
  readonly end: number;
  /** Lower case. */
  readonly cpu: string;
}

export function nextTag(text: string, from: number): CpuTag | undefined {
  let at = text.indexOf('[', from);
  while (at >= 0) {
    if (text.charCodeAt(at + 3) === 0x5d && isHex(text.charCodeAt(at + 1)) && isHex(text.charCodeAt(at + 2))) {
      return { at, end: at + 4, cpu: text.slice(at + 1, at + 3).toLowerCase() };
    }
    at = text.indexOf('[', at + 1);
  }
  return undefined;
}

export function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46);
}
