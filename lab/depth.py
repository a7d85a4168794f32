#!/usr/bin/env python3
"""Derived stack depth over the whole matrix, without an emulator.

  depth.py [--work DIR] [PATTERN] > docs/DEPTH.md      only builds whose slug matches the extended regular expression

Builds the runtime of every combination (a build that is there is kept), takes the call-frame information of the same link from
readelf, source lines of random addresses from llvm-symbolizer, and has depth.ts compare. Fails where anything differs.
"""
import argparse, itertools, json, os, random, re, struct, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

LAB = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(LAB)
sys.path.insert(0, LAB)
import answers, matrix, record

ADDRESSES = 200


def prepare(row, work):
    name = matrix.slug(row)
    build = f'{work}/{name}'
    if not os.path.exists(f'{build}/lines.json'):
        subprocess.run([f'{LAB}/build.sh', *matrix.words(row), 'only=runtime', f'out={build}'], check=True, stderr=subprocess.DEVNULL)
        with open(f'{build}/frames.txt', 'w') as out:
            out.write(record.frame_table(f'{build}/runtime-cfi.exe'))
        code = [a for first, end in answers.executable_ranges(f'{build}/runtime.exe') for a in range(first, end)]
        addresses = sorted(random.Random(name).sample(code, ADDRESSES))
        _, found = answers.llvm_symbolizer(f'{build}/runtime.exe', addresses)
        with open(f'{build}/lines.json.new', 'w') as out:
            json.dump([{'address': a, 'words': '\n'.join(f"{f['function'] or '??'} {f['file'] or '??'}:{f['line']}:{f['column']}" for f in x['frames'])}
                       for a, x in zip(addresses, found, strict=True)], out)
        os.replace(f'{build}/lines.json.new', f'{build}/lines.json')
    if row[1] == 'clang' and row[5] == 'merge' and (problem := mend(build)):
        raise RuntimeError(f'{name}: {problem}')
    return build


def mend(build):
    """mended.exe: runtime.exe with its merged table's addresses set right, or why that is not possible.

    LLD 14 writes the addresses in a table that the link script puts behind something else too high by the distance between the table
    and the beginning of its output section.
    """
    def sections(name):
        text = subprocess.run(['readelf', '-SW', f'{build}/{name}'], check=True, capture_output=True, text=True).stdout
        return {m[1]: [int(x, 16) for x in m.groups()[1:]] for m in re.finditer(r'\] (\S+)\s+PROGBITS\s+(\S+) (\S+) (\S+)', text)}

    data = bytearray(open(f'{build}/runtime.exe', 'rb').read())
    twin = open(f'{build}/runtime-cfi.exe', 'rb').read()
    _, start, size = sections('runtime.exe')['.data']
    _, kept, kept_size = sections('runtime-cfi.exe')['.eh_frame']
    # the CIE is the same in both; the table begins with it
    cie = twin[kept:kept + 4 + struct.unpack_from('<I', twin, kept)[0]]
    at = data.find(cie, start, start + size)
    if at < 0:
        return 'no table in .data'
    shift = at - start
    while at + 12 <= start + size and (length := struct.unpack_from('<I', data, at)[0]) != 0:
        if struct.unpack_from('<I', data, at + 4)[0] != 0:
            struct.pack_into('<i', data, at + 8, struct.unpack_from('<i', data, at + 8)[0] - shift)
        at += 4 + length
    with open(f'{build}/mended.exe', 'wb') as out:
        out.write(data)
    return None


def bundle():
    out = f'{ROOT}/node_modules/.cache/depth/depth.cjs'
    subprocess.run([f'{ROOT}/node_modules/.bin/esbuild', f'{LAB}/depth.ts', '--bundle', '--packages=external', '--platform=node', '--format=cjs',
                    '--target=node20', '--log-level=warning', f'--outfile={out}', '--define:import.meta.url=importMetaUrl',
                    '--banner:js=const importMetaUrl=require("node:url").pathToFileURL(__filename).href;'], check=True)
    return out


def by_lld(row):
    return row[1] == 'clang' and row[5] == 'merge'


def faults(found, row):
    """What is not as it should be, in words."""
    cfi = row[5]
    lists = ('wrong', 'unknown', 'unreached', 'wrongRegisters', 'unknownRegisters', 'differentLines')
    words = [f'{name}: {text}' for name in lists for text in found[name]]
    # LLD's table as it is must be refused, and be right once it is mended
    tables = [('as linked', found['table'], {'keep': '.eh_frame', 'merge': '.data', 'debug': '.debug_frame'}.get(cfi) if not by_lld(row) else None)]
    if by_lld(row):
        tables.append(('mended', found['mended'], '.data'))
    for name, table, expected in tables:
        words += [f'{name}: call-frame lookup differs at {at}' for at in table['different']]
        if set(table['where']) != ({expected} if expected else set()):
            words.append(f"{name}: rules from {sorted(table['where'])}")
        if expected and table['absent']:
            words.append(f"{name}: {table['absent']} instructions without the rule of their table")
    if found['expressed'] != found['expressions']:
        words.append(f"{found['expressions'] - found['expressed']} expressions that were not compared")
    if not found['sameCode']:
        words.append('the link with the table kept has other code')
    if found['gaps']:
        words.append(f"{found['gaps']} gaps")
    return words


def number(value):
    return f'{value:,}'


def cells(builds):
    count = lambda key: sum(len(b[key]) for b in builds)
    total = lambda key: sum(b[key] for b in builds)
    return [str(len(builds)), number(total('instructions')), number(total('calls')), f"{count('wrong')} / {count('unknown')}",
            f"{count('wrongRegisters')} / {count('unknownRegisters')}", str(count('unreached')), number(total('expressions')),
            number(sum(b['explained']['poppedArguments'] for b in builds)), number(sum(b['explained']['restoredEarly'] for b in builds))]


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--work', default=f'{LAB}/out/depth')
    p.add_argument('pattern', nargs='?', default='.')
    a = p.parse_args()
    rows = [r for r in itertools.product(*matrix.FACTORS.values()) if re.search(a.pattern, matrix.slug(r))]
    os.makedirs(a.work, exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(lambda row: prepare(row, a.work), rows))
    text = subprocess.run(['node', bundle(), *folders], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = {json.loads(line)['folder']: json.loads(line) for line in text.splitlines()}
    by_row = {row: found[folder] for row, folder in zip(rows, folders, strict=True)}
    failed = 0
    for row, b in by_row.items():
        for words in faults(b, row):
            failed += 1
            print(f'{matrix.slug(row)}: {words}', file=sys.stderr)
    print(HEAD)
    columns = lambda r: r[:3]
    for key, group in itertools.groupby(by_row, columns):
        print(f"| {' '.join(key[:2])} -O{key[2]} | {' | '.join(cells([by_row[r] for r in group]))} |")
    every = list(by_row.values())
    print(f"| **all** | {' | '.join(cells(every))} |")
    code, covered = sum(b['codeBytes'] for b in every), sum(b['coveredBytes'] for b in every)
    print(f'\nThe tables cover {number(covered)} of {number(code)} bytes of code; the rest is assembly without directives, and padding between functions.')
    print(TABLES)
    kinds = [(f'{cfi}{words}', lambda row, cfi=cfi, lld=lld: row[5] == cfi and by_lld(row) == lld, key)
             for cfi in matrix.FACTORS['cfi'] for words, lld, key in
             ([('', False, 'table')] if cfi != 'merge' else
              [(', GNU ld', False, 'table'), (', LLD 14', True, 'table'), (', LLD 14, mended', True, 'mended')])]
    for name, fits, key in kinds:
        chosen = [b for row, b in by_row.items() if fits(row)]
        if chosen:
            t = [b[key] for b in chosen]
            where = ', '.join(f'`{name}`' for name in sorted({name for x in t for name in x['where']})) or 'none'
            rest = f"{sum(not b['sameCode'] for b in chosen)} | {number(sum(b['asked'] for b in chosen))} | {sum(len(b['differentLines']) for b in chosen)}"
            print(f"| {name} | {len(chosen)} | {where} | {number(sum(x['equal'] for x in t))} | {sum(len(x['different']) for x in t)} | "
                  f"{number(sum(x['absent'] for x in t))} | {rest if key == 'table' else ' | | '} |")
    return 1 if failed else 0


HEAD = '''# Derived depth over the whole matrix

Written by `lab/depth.py`. Every combination of `lab/matrix.py list --all` (architecture, compiler, level, DWARF 4 and 5, frame pointer kept and omitted,
call-frame information dropped, kept, merged into `.data`, in `.debug_frame`) was built, its stack depth and saved registers derived from the machine code alone,
and held against `readelf --debug-dump=frames-interp` of the same link with the table kept, before every instruction that the table covers.
Debian 12: GCC 12.2, Clang, LLD and llvm-symbolizer 14.0.6, binutils 2.40.

"Instructions" are those compared, "at calls" those of them that call: what a return address needs. CFA and callee-saved registers: **wrong / unknown**. "Unreached":
instructions, padding aside, that no path was found to. Three kinds of rows are counted apart:

- **expressions**: the CFA is an expression (functions of GCC that align their frame), which `readelf` does not print. It is taken from the kept table and followed through the derived state:
  the slot that it names must hold the CFA, and those of saved registers the entry values; where not, it counts under "CFA" or "saved registers";
- **popped**: right behind a call whose callee pops words (`ret N`, structures returned on i386) Clang's table is behind by just as much until the next instruction makes up for it. The table is at fault;
- **early**: GCC 12 says of the register which holds the CFA of an aligned frame that it is restored one POP too early. The table is at fault.

| builds of | builds | instructions | at calls | CFA | saved registers | unreached | expressions | popped | early |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |'''

TABLES = '''
## Tables that are there

The same builds: call-frame rules as the opened image answers them, wherever their table lies, against `readelf`'s (CFA and every register with a rule), and
source lines of 200 random code addresses of each build against `llvm-symbolizer` (names, inline chain, files, lines, columns). "Merged" tables have no section header: they are found by their shape.
LLD 14 writes the addresses in a merged table too high by the distance between the table and the beginning of `.data`. Such a table, whose
last entries reach past the code or most of whose entries begin where no function does, is refused as a whole, and the stack is worked out from the code; "mended" is the same table with that distance taken off. "Other code": builds whose executable bytes are not those of the link that `readelf` was asked about.

| call-frame information | builds | found in | rules equal | different | none | other code | addresses | lines different |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |'''


if __name__ == '__main__':
    sys.exit(main())
