#!/usr/bin/env python3
"""The builds and crashes that are recorded.

  matrix.py list [--all]             one build a line: slug, then build.sh's words
  matrix.py record SLUG [--work DIR] [--fixtures DIR]    builds, then records the image and its cases

Without --all: builds that every pair of two factors' values occurs in, the plain GCC ones among them. With --all: every combination.
"""
import argparse, itertools, os, re, subprocess, sys

LAB = os.path.dirname(os.path.abspath(__file__))

FACTORS = {
    'arch': ['i386', 'amd64'],
    'cc': ['gcc', 'clang'],
    'opt': ['0', '1', '2', '3', 's'],
    'dwarf': ['5', '4'],
    'fp': ['keep', 'omit'],
    'cfi': ['drop', 'keep', 'merge', 'debug'],
}
PLAIN = [(arch, 'gcc', opt, '5', 'keep' if opt == '0' else 'omit', 'drop') for opt in ('0', '2', '3') for arch in ('i386', 'amd64')]

# One fault for each of eight CPUs in a boot: their dumps are interleaved.
SETS = {
    'traps': 'wrmsr,ud2,null-write,assert-ud2,nmi,noreturn,function-pointer,vmexit',
    'shapes': 'rdmsr,recursion,tail,alloca,asm,jump-null,jump-wild,rdmsr-always-inline',
    'stops': 'at,at,at,at,at,at,at,at',
}


def pairs(row):
    return {((i, row[i]), (j, row[j])) for i, j in itertools.combinations(range(len(row)), 2)}


def pairwise():
    """Greedy: the plain rows, then whichever row covers the most pairs that are still missing, of those the one with the rarest values."""
    every = list(itertools.product(*FACTORS.values()))
    rows = list(PLAIN)
    missing = set().union(*(pairs(r) for r in every)).difference(*(pairs(r) for r in rows))
    while missing:
        used = {(i, value): sum(r[i] == value for r in rows) for i, values in enumerate(FACTORS.values()) for value in values}
        best = max(every, key=lambda r: (len(pairs(r) & missing), -sum(used[place] for place in enumerate(r))))
        rows.append(best)
        missing -= pairs(best)
    return rows


def slug(row):
    arch, cc, opt, dwarf, fp, cfi = row
    name = f'{arch}-{cc}-O{opt}'
    if dwarf != '5':
        name += f'-dw{dwarf}'
    if fp != ('keep' if opt == '0' else 'omit'):
        name += f'-fp{fp}'
    if cfi != 'drop':
        name += f'-{cfi}'
    return name


def words(row):
    return [f'{name}={value}' for name, value in zip(FACTORS, row)]


def stops(image):
    """Eight addresses in mixer and leaf_mix: entry, inside the prologue, after a call, inside the epilogue, at the return."""
    from record import base_name
    functions = {}
    name = None
    for line in subprocess.run(['objdump', '-d', '--no-show-raw-insn', image], capture_output=True, text=True).stdout.splitlines():
        if m := re.match(r'[0-9a-f]+ <(\S+)>:$', line):
            name = base_name(m.group(1)) if '.cold' not in m.group(1) else None
            if name in ('mixer', 'leaf_mix'):
                functions[name] = []
        elif (m := re.match(r'\s*([0-9a-f]+):\t(.*)', line)) and name in ('mixer', 'leaf_mix'):
            functions[name].append((int(m.group(1), 16), m.group(2).split()[0]))
    mixer, leaf = functions['mixer'], functions['leaf_mix']
    returns = [i for i, (_, op) in enumerate(mixer) if op.startswith('ret')]
    unwinding = [i for i in returns if mixer[i - 1][1].startswith(('pop', 'leave', 'add', 'lea'))] or returns
    call = next(i for i, (_, op) in enumerate(mixer) if op.startswith('call'))
    leaf_return = next(i for i, (_, op) in enumerate(leaf) if op.startswith('ret'))
    chosen = [mixer[0], mixer[1], mixer[2], mixer[4], mixer[call + 1], mixer[unwinding[-1] - 1], mixer[unwinding[-1]], leaf[leaf_return]]
    return ','.join(f'{address:x}' for address, _ in chosen)


def record(row, work, fixtures):
    name = slug(row)
    build = f'{work}/{name}'
    subprocess.run([f'{LAB}/build.sh', *words(row), f'out={build}'], check=True, stderr=subprocess.DEVNULL)
    tool = [sys.executable, f'{LAB}/record.py', '--fixtures', fixtures]
    subprocess.run([*tool, 'image', build, name], check=True)
    failures = []

    def case(case_slug, *arguments):
        print(f'== {case_slug}', flush=True)
        if subprocess.run([*tool, 'case', build, name, case_slug, *arguments]).returncode != 0:
            failures.append(case_slug)

    for kind, faults in SETS.items():
        line = f'crash={faults}' + (f' at={stops(build + "/runtime.exe")}' if kind == 'stops' else '')
        extra = ['--function', 'checked_count'] if kind == 'traps' else []
        case(f'{kind}-{name}', '--crash', line, '--ends', '8', '--cpus', '8', *extra, '--notes', NOTES[kind])
    if row in PLAIN:
        case(f'rdmsr-{name.replace("-gcc", "")}', '--crash', 'crash=rdmsr', '--ends', '4', '--notes', NOTES['rdmsr'])
        if row[2] in '02':
            case(f'assert-{name.replace("-gcc", "")}', '--crash', 'crash=assert', '--until', 'file crashes.c', '--function', 'checked_index',
                 '--notes', 'A failed condition and nothing else: no register dump, the other CPUs go on.')
            case(f'overflow-{name.replace("-gcc", "")}', '--crash', 'crash=overflow cpus=2', '--ends', '4', '--traced', '0,1', '--notes',
                 'The stack ran past its end into the one of the CPU below; the dump begins there.')
        if name == 'amd64-gcc-O2':
            case('rdmsr-amd64-O2-12-cpus', '--crash', 'crash=rdmsr', '--ends', '12', '--cpus', '12', '--notes',
                 'Twelve CPUs: local APIC ids up to 0b, which are hexadecimal digits in the tags.')
        if row[2] == '0':
            case(f'nmi-{name.replace("-gcc", "")}', '--crash', 'crash=nmi', '--ends', '4', '--traced', '0', '--notes',
                 'An NMI interrupts a function, and its handler faults: a hardware frame lies inside the dump.')
    return failures


NOTES = {
    'traps': 'Eight CPUs, eight faults: bad WRMSR, ud2 in a loop of calls, null write, failed condition with ud2, NMI whose handler faults, '
             'a call that never returns as the last instruction, division through a function pointer, an intercept handler with guest registers.',
    'shapes': 'Eight CPUs, eight shapes of stack: static inline RDMSR, mutual recursion, tail calls, alloca with a variable-length and an aligned array, '
              'assembly that pushes, a call through null, a call through a wild pointer, an always_inline RDMSR.',
    'stops': 'Eight CPUs, each stopped by DR0 before one instruction of mixer or leaf_mix: entry, prologue, after a call, epilogue, return. '
             'A CPU whose instruction is never reached has nothing left to do.',
    'rdmsr': 'All four CPUs read IA32_VMX_VMFUNC, which raises #GP; their lines are interleaved.',
}


def main():
    p = argparse.ArgumentParser()
    p.add_argument('what', choices=['list', 'record'])
    p.add_argument('slug', nargs='?')
    p.add_argument('--all', action='store_true')
    p.add_argument('--work', default=f'{LAB}/out')
    p.add_argument('--fixtures', default=os.path.dirname(LAB) + '/fixtures')
    a = p.parse_args()
    every = list(itertools.product(*FACTORS.values()))
    if a.what == 'list':
        for row in every if a.all else pairwise():
            print(slug(row), *words(row))
        return 0
    row = next(r for r in every if slug(r) == a.slug)
    failures = record(row, a.work, a.fixtures)
    for name in failures:
        print(f'FAILED {name}', flush=True)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.path.insert(0, LAB)
    sys.exit(main())
