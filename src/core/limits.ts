/** Every budget, with its reason. A reader that would pass one throws `FormatError` of kind `limit` or notes a `Gap`. */
export const limits = {
  /** The largest real log seen is 21.6 MB; four times that. */
  logBytes: 96 * 1024 * 1024,
  /** Longest real line is 85,749 bytes (event tags of a tracing build), with crash records glued to its end. */
  logLineBytes: 256 * 1024,
  /** CPUs number up to 256 by APIC id; several boots may each crash. */
  crashes: 1024,
  /** 64 KiB of stack in 4-byte words is 16,384; four times that. */
  stackWords: 65_536,
  /** Non-fatal events beyond this are counted, not kept. */
  events: 4096,
  /** Facts of one kind (MSR prints, VMCS fields, milestones) beyond this are counted, not kept; one VMCS dump has about 200. */
  facts: 32_768,
  /** Damage notes beyond this are counted, not kept. */
  damage: 4096,
  /** Deepest real chain is under 60 frames; a stack overflow by recursion shows its pattern well before this. */
  frames: 512,
  /** Real inline chains are under 20 deep. */
  inlineDepth: 64,
  /** A vmlinux with debug information has about 80 sections, with function sections 60,000. */
  sections: 200_000,
  /** Chromium has about 2 million. */
  symbols: 8_000_000,
  /** A compressed or bss section larger than this is not debug information of a kernel. */
  sectionBytes: 2 ** 32,
  /** Output of one inflated section. */
  inflatedBytes: 1024 * 1024 * 1024,
  /** Attributes read for one file, charged one by one: a file of zero-size attributes costs no bytes. */
  attributes: 400_000_000,
  /** Chain of abstract origins and specifications. */
  originDepth: 16,
  /** Nesting of DIEs. */
  dieDepth: 4096,
  lineRows: 64_000_000,
  rangeEntries: 4_000_000,
  /** CFI: real images hold under 100,000 FDEs. */
  frameEntries: 2_000_000,
  /** Operations of one DWARF expression, loops included (DWARF 5 §2.5). */
  expressionSteps: 10_000,
  expressionStack: 1024,
  /** A symbol or file name shown or compared. */
  stringBytes: 4096,
  /** Instructions in one analysed function. */
  functionInstructions: 100_000,
  /** GitHub refuses a body over 65,536 characters; room for the marker and for what GitHub counts otherwise. */
  commentCharacters: 60_000,
  /** GitHub drops a step summary over 1 MiB. */
  summaryBytes: 900 * 1024,
} as const;
