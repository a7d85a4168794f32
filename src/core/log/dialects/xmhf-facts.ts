/**
 * Lines of XMHF that tell about the build, the machine and how far it came.
 *
 * In: segments. Out: boots and `LogFacts`. Refuses: values that are not whole.
 * Printed by `xmhf-bootloader/init.c`, `xmhf-secureloader/sl.c`, `xmhf-runtime/xmhf-startup/runtime.c` and the files they call.
 */
import type { Arch } from '../../addresses.js';
import { bootIndex, type FactState, inBoot, keep, milestone, number, ofCpu, small } from './fact-state.js';
import { type Row, type RowTable, rowTable } from './row.js';

/** What every boot starts with. */
export const banners = [
  'eXtensible Modular Hypervisor Framework (XMHF)',
  'Lightweight Hypervisor (LHV)',
  'Small Hyper Visor (SHV)',
] as const;

const banner = (probe: string, name: string): Row<FactState> => ({
  probe,
  pattern: new RegExp(`${probe.replace(/[()]/g, '\\$&')}(?: (v\\d{1,4}(?:\\.\\d{1,4}){0,3}))?`, 'y'),
  worth: 4,
  take: (state, match, { line }) => {
    state.boots.push({ line, product: match[1] === undefined ? name : `${name} ${match[1]}` });
  },
});

function setRevision(state: FactState, branch: string | undefined, revision: string | undefined): void {
  const boot = state.boots[state.boots.length - 1];
  if (boot === undefined || boot.revision !== undefined || revision === undefined) return;
  boot.revision = revision;
  if (branch !== undefined) boot.branch = branch;
}

/** The rest of a `Build revision:` line that was broken before its value. */
export function takeRevision(state: FactState, text: string): void {
  state.revisionNext = false;
  const match = /^[>|\s]{0,16}(?:([^\s]{1,200}?)-)?([0-9a-f]{40})(?![0-9a-f])/.exec(text);
  if (match !== null) setRevision(state, match[1], match[2]);
}

const hashBytes = '((?:[0-9a-f]{2} ?){16,20})';

/** Rows for lines of any shape. */
export const factRows: RowTable<FactState> = rowTable([
  banner(banners[0], 'XMHF'),
  banner(banners[1], 'LHV'),
  banner(banners[2], 'SHV'),
  {
    probe: 'Build revision:',
    pattern: /Build revision:(?: (?:([^\s]{1,200}?)-)?([0-9a-f]{40})(?![0-9a-f])|\s{0,8}$)/y,
    worth: 2,
    take: (state, match) => {
      // Nothing behind it: a mail reader broke the line.
      state.revisionNext = match[2] === undefined;
      setRevision(state, match[1], match[2]);
    },
  },
  {
    probe: 'Subarch: ',
    pattern: /Subarch: (i386|amd64)/y,
    worth: 1,
    take: (state, match) => {
      const arch: Arch = match[1] === 'amd64' ? 'amd64' : 'i386';
      const boot = state.boots[state.boots.length - 1];
      if (boot !== undefined) boot.subarch = arch;
      state[arch] += 1;
    },
  },
  {
    probe: 'slbase=0x',
    pattern: /slbase=0x([0-9a-f]{16}|[0-9a-f]{8})/y,
    worth: 2,
    take: (state, match) => {
      const boot = state.boots[state.boots.length - 1];
      if (boot !== undefined) boot.slBase = number(match[1]);
    },
  },
  {
    probe: 'SL: runtime at 0x',
    pattern: /SL: runtime at 0x([0-9a-f]{16}|[0-9a-f]{8})(?:; size=0x([0-9a-f]{16}|[0-9a-f]{8}))?/y,
    worth: 2,
    take: (state, match, { line }) => {
      const value = number(match[1]);
      const size = match[2] === undefined ? undefined : number(match[2]);
      state.runtimeBase.set(bootIndex(state) ?? -1, { value, ...(size === undefined ? {} : { size }), line, ...inBoot(state) });
    },
  },
  {
    probe: 'INIT(early): un-aligned size = 0x',
    pattern: /INIT\(early\): un-aligned size = 0x([0-9a-f]{8,16})/y,
    worth: 2,
    take: (state, match, { line }) => {
      state.imageLength.set(bootIndex(state) ?? -1, { value: small(match[1]), line, ...inBoot(state) });
    },
  },
  {
    probe: 'comp runtime: ',
    pattern: new RegExp(`comp runtime: (?:: )?${hashBytes}`, 'y'),
    worth: 2,
    take: (state, match, { line }) => {
      const value = (match[1] ?? '').replace(/ /g, '');
      if (value.length === 40) state.computedSha1.set(bootIndex(state) ?? -1, { value, line, ...inBoot(state) });
    },
  },
  {
    probe: 'gold runtime: ',
    pattern: /gold runtime: ((?:[0-9a-f]{2} ?){4,20})/y,
    worth: 2,
    take: (state, match, { line }) => {
      // Sixteen bytes, then the same words again with the last four.
      const bytes = (match[1] ?? '').replace(/ /g, '');
      if (bytes.length === 32) state.goldHead = { bytes, line };
      else if (bytes.length === 8 && state.goldHead !== undefined) {
        const value = state.goldHead.bytes + bytes;
        if (!/^0+$/.test(value)) state.goldSha1.set(bootIndex(state) ?? -1, { value, line: state.goldHead.line, ...inBoot(state) });
      }
    },
  },
  {
    probe: 'P(0x',
    pattern: /P\(0x([0-9a-f]{2})\): My ([ER])SP is 0x( {0,15}[0-9a-f]{1,16})/y,
    worth: 1,
    take: (state, match, { line, text, at }) => {
      // `BSP(0x00): ` or `AP(0x04): `
      if (text.charAt(at - 1) !== 'A' && text.charAt(at - 1) !== 'S') return;
      const wide = match[2] === 'R';
      const places = (match[3] ?? '').slice(0, wide ? 16 : 8);
      // Half of sixteen digits is no address; only amd64 builds padded with blanks.
      if (places.length < (wide ? 16 : 8) || (!wide && places.startsWith(' '))) return;
      state[wide ? 'amd64' : 'i386'] += 1;
      keep(state, state.stackTops, { cpu: match[1] ?? '', value: number(places), line });
    },
  },
  {
    probe: 'lapic_id=0x',
    pattern: /lapic_id=0x([0-9a-f]{2})/y,
    worth: 1,
    take: (state, match) => {
      if (match[1] !== undefined) state.apicIds.add(match[1]);
    },
  },
  {
    probe: 'INIT(early): detected an ',
    pattern: /INIT\(early\): detected an (Intel|AMD) CPU/y,
    worth: 2,
    take: (state, match) => {
      state.vendor = match[1] === 'AMD' ? 'amd' : 'intel';
    },
  },
  {
    probe: 'rdmsr64(MSR_EFCR) = 0x',
    pattern: /rdmsr64\(MSR_EFCR\) = 0x([0-9a-f]{16})/y,
    worth: 1,
    take: (state, match, { line, cpu }) => keep(state, state.msrs, { ...ofCpu(cpu), address: 0x3a, value: number(match[1]), line }),
  },
  {
    probe: 'guest_',
    pattern: /(guest_[A-Za-z0-9_]{1,60})=0x([0-9a-f]{1,16})/y,
    worth: 0,
    take: (state, match, { line, text, at }) => {
      // The legacy print after `Guest State follows:`, without a CPU; `vcpu->vmcs.` has its own row.
      if (text.slice(0, at).trim() === '') keep(state, state.vmcs, { name: match[1] ?? '', value: number(match[2]), line });
    },
  },
  {
    probe: ' system E820 map follows:',
    pattern: / system E820 map follows:/y,
    worth: 1,
    take: (state, _match, { line }) => {
      if (state.headings.length < 16) state.headings.push(line);
    },
  },
  {
    probe: '_arch_x86_64',
    // Until March 2022 amd64 builds had files and functions of their own.
    pattern: /_arch_x86_64(?:vmx|svm)?_\w/y,
    worth: 1,
    take: (state) => {
      state.era = Math.min(state.era + 1, 4);
    },
  },
  {
    probe: 'Boot method: ',
    pattern: /Boot method: (?:UEFI|BIOS)/y,
    worth: 1,
    take: (state) => {
      state.era -= 4;
    },
  },
  {
    probe: 'LHV_OPT = 0x',
    pattern: /LHV_OPT = 0x[0-9a-f]{16}/y,
    worth: 2,
    take: (state) => {
      state.era -= 4;
    },
  },
  milestone('bootloader', 'INIT(early): initializing', 2),
  milestone('secure loader', 'SL(early-init): at ', 2),
  milestone('runtime starts', 'Transferring control to runtime'),
  milestone('runtime', 'runtime initializing...'),
  milestone('memory management', 'memory management initialized'),
  milestone('interrupt descriptor table', 'xmhf_xcphandler_arch_initialize: IDT setup done', 2),
  milestone('DMA protection', 'Initialized DMA protections successfully'),
  milestone('application processors awake', 'APs all awake'),
  milestone('application processors', 'BSP rallying APs'),
  milestone('partition', 'xmhf_runtime_main['),
]);
