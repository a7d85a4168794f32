#!/usr/bin/env python3
"""Asks llvm-symbolizer, addr2line and gdb about every byte address of an image's executable sections.

  answers.py IMAGE.elf OUTPUT_DIR      the formats are in fixtures/README.md
"""
import gzip, json, os, re, subprocess, sys

GDB_SCRIPT = r'''
import gdb, json
def answer(address):
    place = gdb.find_pc_line(address)
    file = place.symtab.fullname() if place.symtab else None
    frames = []
    block = gdb.block_for_pc(address) if place.symtab else None
    while block is not None:
        if block.function is not None:
            frames.append({'function': block.function.linkage_name})
            # The superblock of a function that is not inlined is the file's static block.
            if block.superblock is None or block.superblock.is_static or block.superblock.is_global:
                break
        block = block.superblock
    return {'file': file, 'line': place.line if place.symtab else 0, 'frames': frames}
with open(OUT, 'w') as out:
    for first, end in RANGES:
        for address in range(first, end):
            out.write(json.dumps(answer(address)) + '\n')
'''


def executable_ranges(image):
    """(first, end) of each section with SHF_EXECINSTR, in address order."""
    ranges = []
    for line in subprocess.run(['readelf', '-SW', image], check=True, capture_output=True, text=True).stdout.splitlines():
        m = re.match(r'\s*\[\s*\d+\]\s+(\S+)\s+PROGBITS\s+([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)\s+\S+\s+(\S*X\S*)\s', line)
        if m:
            first, size = int(m.group(2), 16), int(m.group(3), 16)
            if size:
                ranges.append((first, first + size))
    return sorted(ranges)


def version(tool):
    text = subprocess.run([tool, '--version'], capture_output=True, text=True).stdout
    if tool == 'llvm-symbolizer':
        return next(line.strip() for line in text.splitlines() if 'version' in line)
    return text.splitlines()[0]


def llvm_symbolizer(image, addresses):
    command = ['llvm-symbolizer', f'--obj={image}', '--output-style=JSON', '--inlines', '--functions=linkage']
    text = subprocess.run(command, input='\n'.join(hex(a) for a in addresses) + '\n', check=True, capture_output=True, text=True).stdout
    answers = []
    for line in text.splitlines():
        if not line.strip():
            continue
        frames = []
        for s in json.loads(line)['Symbol']:
            if not s['FunctionName'] and not s['FileName']:
                continue
            frames.append({'function': s['FunctionName'] or None, 'file': s['FileName'] or None, 'line': s['Line'], 'column': s['Column']})
        answers.append({'frames': frames})
    return command, answers


def addr2line(image, addresses):
    command = ['addr2line', '-e', image, '-a', '-i', '-f']
    text = subprocess.run(command, input='\n'.join(hex(a) for a in addresses) + '\n', check=True, capture_output=True, text=True).stdout
    answers = []
    function = None
    for line in text.splitlines():
        if re.fullmatch(r'0x[0-9a-f]+', line):
            answers.append({'frames': []})
            function = None
        elif function is None:
            function = line
        else:
            place = re.sub(r' \(discriminator \d+\)$', '', line)
            file, _, number = place.rpartition(':')
            frame = {'function': None if function == '??' else function, 'file': None if file == '??' else file,
                     'line': int(number) if number.isdigit() else 0}
            if frame['function'] is not None or frame['file'] is not None:
                answers[-1]['frames'].append(frame)
            function = None
    return command, answers


def gdb(image, ranges, scratch):
    script, out = scratch + '/ask.py', os.path.abspath(scratch) + '/ask.out'
    open(script, 'w').write(f'OUT = {out!r}\nRANGES = {ranges!r}\n' + GDB_SCRIPT)
    # gdb looks for sources under its working directory, and would name them by where they lie there.
    subprocess.run(['gdb', '-q', '-batch', '-nx', os.path.abspath(image), '-x', os.path.abspath(script)], check=True, capture_output=True, cwd='/')
    return ['gdb', '-batch', '-nx', image], [json.loads(line) for line in open(out)]


def write(path, tool, command, ranges, answers, image):
    lines = [json.dumps({'tool': tool, 'version': version(tool), 'command': ' '.join(command).replace(image, 'image.elf')})]
    at = 0
    for first, end in ranges:
        run = None
        for address in range(first, end):
            answer = answers[at]
            at += 1
            if run is not None and run[2] == answer:
                run[1] = address
                continue
            if run is not None:
                lines.append(json.dumps({'first': hex(run[0]), 'last': hex(run[1]), **run[2]}, separators=(',', ':')))
            run = [address, address, answer]
        lines.append(json.dumps({'first': hex(run[0]), 'last': hex(run[1]), **run[2]}, separators=(',', ':')))
    assert at == len(answers), f'{tool}: {len(answers)} answers for {at} addresses'
    with open(path, 'wb') as raw, gzip.GzipFile(filename='', mode='wb', fileobj=raw, mtime=0) as out:
        out.write(('\n'.join(lines) + '\n').encode())


def main(image, directory):
    ranges = executable_ranges(image)
    addresses = [a for first, end in ranges for a in range(first, end)]
    for tool, (command, answers) in {
        'llvm-symbolizer': llvm_symbolizer(image, addresses),
        'addr2line': addr2line(image, addresses),
        'gdb': gdb(image, ranges, directory),
    }.items():
        write(f'{directory}/{tool}.jsonl.gz', tool, command, ranges, answers, image)
    for name in ('ask.py', 'ask.out'):
        os.unlink(f'{directory}/{name}')


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2])
