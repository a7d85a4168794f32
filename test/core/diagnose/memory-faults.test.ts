/** `#PF`, `#GP`, `#SS` and wild PCs. Machine code was assembled and read back with GNU as and objdump 2.40. */
import { describe, expect, test } from '@jest/globals';
import { pageFaultError, pageFaultSentence, selectorError, selectorSentence } from '../../../src/core/diagnose/fault.js';
import { plain } from '../../../src/core/sentence.js';
import { stackOf } from '../../build/crash-log.js';
import { codeAt, diagnoseCase, findingOf, kindsOf, namedFrame, saidBy, unknownOf } from '../../build/diagnosed.js';

const storeThroughRdx = [0x89, 0x02]; // mov %eax,(%rdx)
const loadThroughRdx = [0x8b, 0x02]; // mov (%rdx),%eax
const data = { name: '.data', address: 0x10300000, bytes: Array.from({ length: 64 }, () => 0), writable: true };

describe('error codes', () => {
  test.each([
    [0x0n, 'a read of a page that is not present'],
    [0x2n, 'a write to a page that is not present'],
    [0x3n, 'a write to a page that may not be written'],
    [0x6n, 'a write to a page that is not present from user mode'],
    [0x9n, 'a read of a page that has a reserved bit set in its paging entries'],
    [0x10n, 'an instruction fetch from a page that is not present'],
    [0x11n, 'an instruction fetch from a page that may not be executed'],
    [0x21n, 'a read of a page that is closed by a protection key'],
    [0x43n, 'a write to a page that may not be written (shadow stack)'],
    [0x8001n, 'a read of a page that an SGX rule closes'],
    [0x80000003n, 'a write to a page that the SEV-SNP page check refuses'],
  ])('#PF 0x%s', (code, words) => {
    expect(pageFaultSentence(pageFaultError(code))).toBe(words);
  });

  test.each([
    [0x10n, 'the error code names GDT entry 2 (selector 0x10)'],
    [0x1cn, 'the error code names LDT entry 3 (selector 0x1c)'],
    [0x102n, 'the error code names IDT gate 32 (vector 32)'],
    [0x103n, 'the error code names IDT gate 32 (vector 32), while an event from outside the program was being delivered'],
    [0x93n, 'the error code names IDT gate 18 (#MC), while an event from outside the program was being delivered'],
    [0x1n, 'the error code names no selector, while an event from outside the program was being delivered'],
  ])('selector %s', (code, words) => {
    const error = selectorError(code);
    expect(error && plain(selectorSentence(error))).toBe(words);
  });

  test('0 names no selector', () => {
    expect(selectorError(0n)).toBeUndefined();
  });
});

describe('page faults', () => {
  const fault = { vector: 14, errorCode: 2n, registers: { rax: 5n, rdx: 0n } };

  test('write to 0x0 through rdx', () => {
    const diagnosis = diagnoseCase({ ...fault, code: storeThroughRdx });
    expect(kindsOf(diagnosis)).toEqual(['confirmed page-fault']);
    expect(saidBy(diagnosis)).toContain('A page fault: write to 0x0 through rdx');
    expect(saidBy(diagnosis)).toContain('rdx holds a null pointer');
    expect(findingOf(diagnosis, 'page-fault')?.evidence.map((e) => plain(e.text))).toContain('rdx is 0x0');
  });

  test('a member of a null pointer', () => {
    const code = [0x89, 0x42, 0x10]; // mov %eax,0x10(%rdx)
    const said = saidBy(diagnoseCase({ ...fault, code }));
    expect(said).toContain('write to 0x10 through rdx+0x10');
    expect(said).toContain('A null pointer, most likely: 0x10 is the offset of a member');
  });

  test('base, index, scale and a negative displacement', () => {
    const code = [0x48, 0x89, 0x44, 0xcd, 0xf8]; // mov %rax,-0x8(%rbp,%rcx,8)
    const said = saidBy(diagnoseCase({ ...fault, registers: { rbp: 0x1000n, rcx: 0x10n }, code }));
    expect(said).toContain('write to 0x1078 through rbp+rcx*8-0x8');
    expect(said).not.toContain('null');
  });

  test('an address in the image bears its symbol', () => {
    const symbols = [{ name: 'g_table', address: 0x10300010, size: 32, type: 'object' }] as const;
    const said = saidBy(diagnoseCase({ ...fault, registers: { rdx: 0x10300018n }, code: storeThroughRdx, sections: [data], symbols }));
    expect(said).toContain('write to 0x10300018 through rdx (g_table+0x8 in .data)');
  });

  test('RIP-relative', () => {
    const code = [0x89, 0x05, 0x00, 0x00, 0x10, 0x00]; // mov %eax,0x100000(%rip)
    expect(saidBy(diagnoseCase({ ...fault, code }))).toContain(`write to 0x${(codeAt + 6 + 0x100000).toString(16)}`);
  });

  test('PUSH writes below the stack pointer', () => {
    const said = saidBy(diagnoseCase({ ...fault, sp: 0x5000n, code: [0x50] }));
    expect(said).toContain('write to 0x4ff8 through rsp');
  });

  test('the stack pointer is the interrupted one, not the printed one', () => {
    const said = saidBy(diagnoseCase({ ...fault, sp: 0x5000n, registers: { rsp: 0x4fa8n }, code: [0x50] }));
    expect(said).toContain('write to 0x4ff8');
  });

  test('an operand that cannot make the error code is not blamed', () => {
    const diagnosis = diagnoseCase({ ...fault, code: loadThroughRdx });
    expect(saidBy(diagnosis)).not.toContain('through rdx');
    expect(unknownOf(diagnosis)).toContain('do not tell it');
  });

  test('BTS with a bit number in a register may reach anywhere', () => {
    const code = [0x48, 0x0f, 0xab, 0x02]; // bts %rax,(%rdx)
    const diagnosis = diagnoseCase({ ...fault, registers: { rax: 0x100000n, rdx: 0x5000n }, code });
    expect(saidBy(diagnosis)).not.toContain('0x5000');
  });

  test('string instructions: MOVS writes one place and reads the other, CMPS reads both', () => {
    const registers = { rsi: 0x5000n, rdi: 0n };
    const movsb = [0xf3, 0xa4]; // rep movsb
    expect(saidBy(diagnoseCase({ ...fault, registers, code: movsb }))).toContain('write to 0x0 through rdi');
    expect(saidBy(diagnoseCase({ ...fault, errorCode: 0n, registers, code: movsb }))).toContain('read of 0x5000 through rsi');
    const cmpsb = [0xf3, 0xa6]; // repz cmpsb
    expect(saidBy(diagnoseCase({ ...fault, errorCode: 0n, registers, code: cmpsb }))).not.toContain('through');
  });

  test('a register that was not printed is not zero', () => {
    expect(saidBy(diagnoseCase({ ...fault, registers: {}, code: storeThroughRdx }))).not.toContain('0x0 through');
  });

  test('registers of a dump that looked in the wrong place are not used', () => {
    expect(saidBy(diagnoseCase({ ...fault, code: storeThroughRdx, printed: { pc: 0x80n } }))).not.toContain('through rdx');
  });

  test('without the image: what the error code says, and what would tell more', () => {
    const diagnosis = diagnoseCase(fault);
    expect(saidBy(diagnosis)).toBe('A page fault: a write to a page that is not present');
    expect(unknownOf(diagnosis)).toContain('does not print CR2');
    expect(unknownOf(diagnosis)).toContain('the image of this build would show it');
  });

  test('an image that does not hold the PC', () => {
    expect(unknownOf(diagnoseCase({ ...fault, pc: 0x40000000n, code: storeThroughRdx }))).toContain(
      'none of the images holds code at the PC',
    );
  });

  test('a reserved bit', () => {
    expect(saidBy(diagnoseCase({ ...fault, errorCode: 0xbn, code: storeThroughRdx }))).toContain('A reserved bit in a paging entry');
  });

  test('the microcode MSR: the page fault and the MSR stand side by side', () => {
    const diagnosis = diagnoseCase({ vector: 14, errorCode: 0n, registers: { rcx: 0x79n, rax: 0x1000n, rdx: 0n }, code: [0x0f, 0x30] });
    expect(kindsOf(diagnosis)).toEqual(['confirmed msr', 'confirmed page-fault']);
    expect(saidBy(diagnosis)).toContain('A page fault at WRMSR: a read of a page that is not present');
  });
});

describe('general protection', () => {
  const gp = { vector: 13, errorCode: 0n };

  test('an address that is not canonical', () => {
    const said = saidBy(diagnoseCase({ ...gp, registers: { rdx: 0x6b6b6b6b6b6b6b6bn }, code: loadThroughRdx }));
    expect(said).toContain('mov eax, [rdx] raised #GP(0): read of 0x6b6b6b6b6b6b6b6b through rdx is not canonical');
  });

  test('a canonical address is not accused', () => {
    const diagnosis = diagnoseCase({ ...gp, registers: { rdx: 0xffff888000000000n }, code: loadThroughRdx });
    expect(saidBy(diagnosis)).toBe('mov eax, [rdx] raised #GP(0)');
    expect(unknownOf(diagnosis)).toContain('nothing in the log or the image shows it');
  });

  test('an address that only 5-level paging knows is likely the reason', () => {
    const diagnosis = diagnoseCase({ ...gp, registers: { rdx: 0x0000_8000_0000_0000n }, code: loadThroughRdx });
    expect(kindsOf(diagnosis)).toEqual(['likely general-protection']);
    expect(saidBy(diagnosis)).toContain('with 4-level paging, read of 0x800000000000 through rdx is not canonical');
  });

  test('through the stack it is a stack fault', () => {
    const code = [0x48, 0x8b, 0x45, 0x08]; // mov 0x8(%rbp),%rax
    const bad = { registers: { rbp: 0x4141414141414141n }, code };
    expect(saidBy(diagnoseCase({ vector: 12, errorCode: 0n, ...bad }))).toContain('not canonical');
    expect(saidBy(diagnoseCase({ ...gp, ...bad }))).not.toContain('not canonical');
  });

  test('alignment', () => {
    const code = [0x0f, 0x29, 0x02]; // movaps %xmm0,(%rdx)
    expect(saidBy(diagnoseCase({ ...gp, registers: { rdx: 0x1008n }, code }))).toContain(
      'write to 0x1008 through rdx is not aligned to 16 bytes',
    );
    expect(saidBy(diagnoseCase({ ...gp, registers: { rdx: 0x1010n }, code }))).not.toContain('aligned');
    const unaligned = [0x0f, 0x11, 0x02]; // movups %xmm0,(%rdx)
    expect(saidBy(diagnoseCase({ ...gp, registers: { rdx: 0x1008n }, code: unaligned }))).not.toContain('aligned');
  });

  test('RET to an address that is not canonical', () => {
    const overwritten = { sp: 0x1000n, stack: stackOf('amd64', 0x1000n, [0x4141414141414141n]), code: [0xc3] };
    expect(saidBy(diagnoseCase({ ...gp, ...overwritten }))).toContain(
      'the return address on the stack, 0x4141414141414141 (the text AAAAAAAA), is not canonical',
    );
    const good = { ...overwritten, stack: stackOf('amd64', 0x1000n, [BigInt(codeAt)]) };
    expect(saidBy(diagnoseCase({ ...gp, ...good }))).toBe('ret raised #GP(0)');
  });

  test('an indirect call to an address that is not canonical', () => {
    const code = [0xff, 0xd0]; // call *%rax
    expect(saidBy(diagnoseCase({ ...gp, registers: { rax: 0x6b6b6b6b6b6b6b6bn }, code }))).toContain(
      'the target in rax, 0x6b6b6b6b6b6b6b6b (the text kkkkkkkk), is not canonical',
    );
    expect(saidBy(diagnoseCase({ ...gp, registers: { rax: 0x10200000n }, code }))).not.toContain('canonical');
  });

  test.each([
    ['vmxon', [0xf3, 0x0f, 0xc7, 0x30], 13, 'FEATURE_CONTROL'],
    ['vmxon', [0xf3, 0x0f, 0xc7, 0x30], 6, 'CR4.VMXE'],
    ['vmread', [0x0f, 0x78, 0xc0], 6, 'not in VMX operation'],
    ['mov to cr4', [0x0f, 0x22, 0xe0], 13, 'a bit that this CPU lacks'],
    ['mov to cr0', [0x0f, 0x22, 0xc0], 13, 'PG (bit 31) without PE'],
    ['ltr', [0x0f, 0x00, 0xd8], 13, 'busy'],
    ['mov to ds', [0x8e, 0xd8], 13, 'beyond the descriptor table'],
    ['xsetbv', [0x0f, 0x01, 0xd1], 13, 'ECX names no XCR'],
    ['iretq', [0x48, 0xcf], 13, 'frame on the stack is bad'],
    ['vmrun', [0x0f, 0x01, 0xd8], 13, 'RAX is not 4-KByte aligned'],
    ['rdpmc', [0x0f, 0x33], 13, 'names no performance counter'],
  ])('%s', (_, code, vector, cause) => {
    const diagnosis = diagnoseCase({ vector, ...(vector === 13 && { errorCode: 0n }), code });
    expect(kindsOf(diagnosis)).toEqual(['confirmed privileged-instruction']);
    expect(saidBy(diagnosis)).toContain(cause);
  });

  const msr = (address: number, value: bigint) => ({ facts: { msrs: [{ cpu: '00', address, value, line: 9 }] } });
  test.each([
    [
      'a bit of CR4 that the CPU lacks',
      [0x0f, 0x22, 0xe0],
      { registers: { rax: 0x1000020n }, ...msr(0x489, 0x1727ffn) },
      'rax is 0x1000020: this CPU lacks bit 24',
    ],
    ['PG without PE', [0x0f, 0x22, 0xc0], { registers: { rax: 0x80000000n } }, 'PG (bit 31) without PE'],
    ['the upper half of CR0', [0x0f, 0x22, 0xc0], { registers: { rax: 0x180000001n } }, 'bits 63:32 of CR0'],
    ['CR8', [0x44, 0x0f, 0x22, 0xc0], { registers: { rax: 16n } }, 'CR8 holds 0 to 15'],
    ['an XCR that does not exist', [0x0f, 0x01, 0xd1], { registers: { rcx: 2n, rax: 3n, rdx: 0n } }, 'only XCR0 can be written'],
    ['XCR0 without x87', [0x0f, 0x01, 0xd1], { registers: { rcx: 0n, rax: 2n, rdx: 0n } }, 'bit 0 (x87) must be 1'],
    ['AVX without SSE', [0x0f, 0x01, 0xd1], { registers: { rcx: 0n, rax: 5n, rdx: 0n } }, 'AVX (bit 2) without SSE'],
    [
      'VMXON while unlocked',
      [0xf3, 0x0f, 0xc7, 0x30],
      { registers: { rax: 0x1000n }, ...msr(0x3a, 4n) },
      'The lock (bit 0) of FEATURE_CONTROL is 0',
    ],
    ['VMXON while off', [0xf3, 0x0f, 0xc7, 0x30], { registers: { rax: 0x1000n }, ...msr(0x3a, 1n) }, 'VMX is off in FEATURE_CONTROL'],
    ['VMRUN of a bad address', [0x0f, 0x01, 0xd8], { registers: { rax: 0x1001n } }, 'RAX is 0x1001, not 4-KByte aligned'],
    ['INVPCID of a bad type', [0x66, 0x0f, 0x38, 0x82, 0x03], { registers: { rax: 4n, rbx: 0x1000n } }, 'The type is 4'],
  ])('certain: %s', (_, code, parts, words) => {
    const said = saidBy(diagnoseCase({ ...gp, code, ...parts }));
    expect(said).toContain(words);
    expect(said).not.toContain('Likeliest cause');
  });

  test.each([
    ['CR4 within what the CPU has', [0x0f, 0x22, 0xe0], { registers: { rax: 0x20n }, ...msr(0x489, 0x1727ffn) }],
    ['CR4 of a CPU that the log does not tell', [0x0f, 0x22, 0xe0], { registers: { rax: 0x1000020n } }],
    ['a legal CR0', [0x0f, 0x22, 0xc0], { registers: { rax: 0x80000031n } }],
    ['a legal XCR0', [0x0f, 0x01, 0xd1], { registers: { rcx: 0n, rax: 7n, rdx: 0n } }],
    ['VMXON that FEATURE_CONTROL allows', [0xf3, 0x0f, 0xc7, 0x30], { registers: { rax: 0x1000n }, ...msr(0x3a, 5n) }],
    ['a register that was not printed', [0x0f, 0x22, 0xc0], {}],
  ])('not certain: %s', (_, code, parts) => {
    expect(saidBy(diagnoseCase({ ...gp, code, ...parts }))).toContain('Likeliest cause');
  });

  test('mov from a control register has no such cause', () => {
    expect(kindsOf(diagnoseCase({ ...gp, code: [0x0f, 0x20, 0xe0] }))).toEqual(['confirmed general-protection']);
  });

  test('a gate that could not be used, while another CPU printed that very exception', () => {
    const diagnosis = diagnoseCase({ vector: 13, errorCode: 0x93n, cpu: '04', more: [{ cpu: '00', vector: 18, line: 290 }] });
    expect(saidBy(diagnosis)).toContain('#GP(0x93): the error code names IDT gate 18 (#MC)');
    expect(saidBy(diagnosis)).toContain('CPU 00 printed #MC itself (line 290)');
  });

  test('without an image: no selector, and nothing claimed of the instruction', () => {
    const diagnosis = diagnoseCase(gp);
    expect(saidBy(diagnosis)).toContain('#GP(0): no selector is involved');
    expect(kindsOf(diagnosis)).toEqual(['confirmed general-protection']);
  });
});

describe('where the PC went', () => {
  const called = {
    sp: 0x1000n,
    stack: stackOf('amd64', 0x1000n, [BigInt(codeAt + 2)]),
    code: [0xff, 0xd0], // call *%rax
    symbols: [{ name: 'caller', address: codeAt, size: 4, type: 'function' }],
  } as const;

  test('a null function pointer, with the call it came from', () => {
    const diagnosis = diagnoseCase({ ...called, vector: 14, errorCode: 0n, pc: 0n });
    expect(kindsOf(diagnosis)).toEqual(['likely wild-jump']);
    expect(saidBy(diagnosis)).toContain('through a null pointer');
    expect(saidBy(diagnosis)).toContain('in caller, right after call rax: the call came from there');
  });

  test('a call through a pointer that was overwritten with text', () => {
    const diagnosis = diagnoseCase({ ...called, vector: 6, pc: 0x30313233n });
    expect(kindsOf(diagnosis)).toEqual(['likely wild-jump']);
    expect(saidBy(diagnosis)).toContain('A call to where no code is: the PC is 0x30313233 (the text 3210)');
  });

  test('a PC that is text, without a call before it', () => {
    const diagnosis = diagnoseCase({ vector: 6, pc: 0x27272727n, code: [0x90] });
    expect(saidBy(diagnosis)).toContain('The PC is text');
    expect(findingOf(diagnoseCase({ vector: 6, pc: 0x27272727n }), 'wild-jump')).toBeUndefined();
  });

  test('a word at the stack pointer that stands after no call says nothing', () => {
    const stack = stackOf('amd64', 0x1000n, [BigInt(codeAt + 3)]);
    expect(findingOf(diagnoseCase({ ...called, stack, vector: 6, pc: 0x40000000n }), 'wild-jump')).toBeUndefined();
  });

  test('a jump into data', () => {
    const diagnosis = diagnoseCase({ vector: 6, pc: 0x10300008n, code: [0x90], sections: [data] });
    expect(kindsOf(diagnosis)).toEqual(['confirmed wild-jump']);
    expect(saidBy(diagnosis)).toContain('0x10300008 lies in .data');
  });

  test('a fetch that failed', () => {
    expect(kindsOf(diagnoseCase({ vector: 14, errorCode: 0x10n, pc: 0x7fff0000n }))).toEqual(['confirmed wild-jump']);
  });

  test.each([
    ['a PC in code', { vector: 6, code: [0x0f, 0x0b] }],
    ['a PC that no image covers, without a failed fetch', { vector: 14, errorCode: 0n, pc: 0x40000000n, code: [0x90] }],
    ['a dump whose PC was printed wrong', { vector: 14, errorCode: 0n, pc: 0x80n, printed: { pc: 0x80n } }],
    ['another exception', { vector: 2, pc: 0n }],
  ])('silent: %s', (_, parts) => {
    expect(findingOf(diagnoseCase(parts), 'wild-jump')).toBeUndefined();
  });
});

describe('stack overflow', () => {
  const top = { cpu: '00', value: 0x1d960000n, line: 3 };
  const overflowed = { vector: 14, errorCode: 2n, sp: 0x1d94ff00n, code: [0x50], facts: { stackTops: [top] } };

  test('the stack pointer lies below the stack of its CPU', () => {
    const diagnosis = diagnoseCase({ ...overflowed, frames: Array.from({ length: 20 }, () => namedFrame('walk_tree')) });
    expect(kindsOf(diagnosis)).toContain('likely stack-overflow');
    expect(saidBy(diagnosis)).toContain('0x100 bytes below the end');
    expect(saidBy(diagnosis)).toContain('walk_tree stands 20 times');
  });

  test.each([
    ['inside the stack', { sp: 0x1d950000n }],
    ['far away: another stack', { sp: 0x10000000n }],
    ['no line for this CPU', { cpu: '04' }],
    ['two tops for this CPU', { facts: { stackTops: [top, { ...top, value: 0x9000000n }] } }],
  ])('silent: %s', (_, change) => {
    expect(findingOf(diagnoseCase({ ...overflowed, ...change }), 'stack-overflow')).toBeUndefined();
  });
});
