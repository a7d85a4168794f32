#!/usr/bin/env python3
"""Records fixtures from a build of the testbed.

  record.py image BUILD_DIR SLUG
  record.py case BUILD_DIR IMAGE_SLUG CASE_SLUG --crash "COMMAND LINE" [--ends N] [--until TEXT] [--cpus 4]
  record.py frames SLUG              only frames.txt of an image
  record.py restack                  after the answers of an image were recorded anew

The formats are in fixtures/README.md.
"""
import argparse, gzip, json, os, re, shutil, subprocess, sys, tempfile

LAB = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, LAB)
import answers, gdb_core
from bochs import Symbols


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def record_image(build, slug, fixtures):
    target = f'{fixtures}/images/{slug}'
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    shutil.copy(f'{build}/runtime.exe', f'{target}/image.elf')
    environment = dict(word.split('=') for word in open(f'{build}/build.env').read().split())
    if environment['cfi'] in ('drop', 'merge'):
        shutil.copy(f'{build}/runtime-cfi.exe', f'{target}/image-cfi.elf')
    shutil.copy(f'{build}/TOOLCHAIN', f'{target}/TOOLCHAIN')
    for name in os.listdir(target):
        os.chmod(f'{target}/{name}', 0o644)
    text = run('readelf', '-hSlW', 'image.elf', cwd=target, capture_output=True, text=True).stdout
    open(f'{target}/readelf.txt', 'w').write(text)
    answers.main(f'{target}/image.elf', target)
    record_frames(target)


def record_frames(target):
    """frames.txt: what readelf says of the call-frame information, columns and rows only."""
    image = 'image-cfi.elf' if os.path.exists(f'{target}/image-cfi.elf') else 'image.elf'
    open(f'{target}/frames.txt', 'w').write(frame_table(f'{target}/{image}'))


def frame_table(image):
    text = subprocess.run(['readelf', '--debug-dump=frames-interp', image], capture_output=True, text=True).stdout
    rows = []
    for line in text.splitlines():
        if m := re.search(r' FDE .*pc=([0-9a-f]+)\.\.([0-9a-f]+)', line):
            rows.append(f'FDE {m.group(1)} {m.group(2)}')
        elif ' CIE' in line:
            rows.append('CIE')
        elif 'LOC' in line or re.match(r'[0-9a-f]{8,16} ', line) and 'ZERO' not in line:
            rows.append(' '.join(re.sub(r'^0{4,}(?=[0-9a-f])', '', line).split()))
    return '\n'.join(rows) + '\n'


# The dumps of a log of our own: never damaged, so exact patterns do.

def read_dumps(text):
    dumps = {}
    order = []
    for line in text.splitlines():
        m = re.match(r'\[([0-9a-f]{2})\]:? ?(.*)', line)
        if not m:
            continue
        cpu, rest = m.groups()
        if m := re.match(r'unhandled exception (\d+)', rest):
            dumps[cpu] = {'cpu': cpu, 'vector': int(m.group(1)), 'registers': {}, 'words': {}}
            order.append(cpu)
            continue
        if cpu not in dumps:
            continue
        d = dumps[cpu]
        if m := re.match(r'CS:[ER]IP 0x([0-9a-f]+):0x([0-9a-f]+) with [ER]FLAGS=0x([0-9a-f]+)', rest):
            d['cs'], d['pc'], d['flags'] = (int(x, 16) for x in m.groups())
        elif m := re.match(r'Stack\(0x([0-9a-f]+)\) -> 0x([0-9a-f]+)', rest.strip()):
            d['words'][int(m.group(1), 16)] = int(m.group(2), 16)
        else:
            for name, value in re.findall(r'\b([A-Z]{2,3}|R\d+) ?=0x([0-9a-f]+)', rest):
                d['registers'][name.lower()] = int(value, 16)
    return [dumps[cpu] for cpu in order]


def place_in_core(dump, arch):
    wide = arch == 'amd64'
    printed = dump['registers']['rsp' if wide else 'esp']
    registers = dict(dump['registers'])
    registers.update(pc=dump['pc'], cs=dump['cs'], flags=dump['flags'])
    registers['sp'] = dump['words'][printed + 24] if wide else printed + 12
    return {'cpu': int(dump['cpu'], 16), 'registers': registers, 'words': dump['words']}


class Lines:
    """llvm-symbolizer's recorded answers."""

    def __init__(self, path):
        self.runs = [json.loads(line) for line in gzip.open(path, 'rt').read().splitlines()[1:]]
        for run_ in self.runs:
            run_['first'], run_['last'] = int(run_['first'], 16), int(run_['last'], 16)

    def frames(self, address):
        for run_ in self.runs:
            if run_['first'] <= address <= run_['last']:
                return run_['frames']
        return []


def physical_frames(snapshot, dump, symbols, text_range):
    """The trace's stack as frames, innermost first."""
    frames = [{'pc': hex(dump['pc']), 'isReturnAddress': False, 'symbol': symbols.name(dump['pc']) if in_range(dump['pc'], text_range) else None,
               'slot': None, 'kind': 'call', 'synthetic': False}]
    for entry in reversed(snapshot['stack']):
        for name in reversed(entry['tails']):
            frames.append({'pc': None, 'isReturnAddress': False, 'symbol': name, 'slot': None, 'kind': 'call', 'synthetic': True})
        if entry['kind'] == 'event':
            pc = interrupted_pc(entry, dump, symbols)
            frames.append({'pc': hex(pc), 'isReturnAddress': False, 'symbol': symbols.name(pc), 'slot': None, 'kind': 'exception', 'synthetic': False})
        else:
            name = symbols.name(entry['at'])
            frames.append({'pc': hex(entry['return']), 'isReturnAddress': True, 'symbol': name, 'slot': None,
                           'kind': 'vm-exit' if name == 'intercept_entry' else 'call', 'synthetic': False})
    return frames


def base_name(name):
    """The function's name in the source: GCC's clones and parts bear a suffix in the symbol table."""
    return re.sub(r'(\.(constprop|isra|part|cold|lto_priv)(\.\d+)?)+$', '', name) if name else name


def in_range(address, text_range):
    return text_range[0] <= address < text_range[1]


def interrupted_pc(entry, dump, symbols):
    """The pc that the hardware saved: the one word in the function that was running with the code selector and flags above it."""
    word = min(b - a for a, b in zip(sorted(dump['words']), sorted(dump['words'])[1:]))
    found = []
    for address, value in dump['words'].items():
        flags = dump['words'].get(address + 2 * word)
        if dump['words'].get(address + word) == 8 and flags is not None and flags & 2 and flags < 1 << 22 and \
                symbols.name(value) == symbols.name(entry['at']):
            found.append(value)
    assert len(set(found)) == 1, found
    return found[0]


def find_slots(frames, dump, arch, gdb_frames):
    """Stack address of each return address: rising, gdb's where it holds the right word, else the next that does."""
    word = 8 if arch == 'amd64' else 4
    of_gdb = {}
    for frame in gdb_frames:
        if frame.get('cfa'):
            of_gdb.setdefault(int(frame['cfa'], 16) - word, True)
    floor = place_in_core(dump, arch)['registers']['sp']
    problems = []
    for frame in frames:
        if not frame['isReturnAddress']:
            continue
        value = int(frame['pc'], 16)
        candidates = [a for a in sorted(dump['words']) if a >= floor and dump['words'][a] == value]
        if not candidates:
            problems.append(f"return address {frame['pc']} is not in the dump above {hex(floor)}")
            continue
        slot = next((a for a in candidates if a in of_gdb), candidates[0])
        frame['slot'] = hex(slot)
        floor = slot + word
    return problems


def expand(frames, lines):
    stack = []
    for index, frame in enumerate(frames):
        if frame['pc'] is None:
            stack.append({'function': frame['symbol'], 'inlined': False, 'file': None, 'line': None, 'frame': index})
            continue
        address = int(frame['pc'], 16) - (1 if frame['isReturnAddress'] else 0)
        chain = lines.frames(address)
        for position, entry in enumerate(chain):
            last = position == len(chain) - 1
            stack.append({'function': entry['function'] or (frame['symbol'] if last else None), 'inlined': not last,
                          'file': entry['file'], 'line': entry['line'] or None, 'frame': index})
        if not chain and frame['symbol'] is not None:
            stack.append({'function': frame['symbol'], 'inlined': False, 'file': None, 'line': None, 'frame': index})
    return stack


def compare(frames, stack, gdb_frames, text_range):
    """Whether gdb names the same functions, and those it names.

    Without an end of its own gdb's chain runs on into the VCPU pointer at the bottom of the stack: those frames are left out.
    Tail calls leave nothing that gdb could see.
    """
    ours = [base_name(s['function']) for s in stack if not frames[s['frame']]['synthetic']]
    if frames[0]['symbol'] is None:
        ours.insert(0, None)
    theirs = list(gdb_frames)
    while len(theirs) > len(ours) and not in_range(int(theirs[-1]['pc'], 16), text_range):
        theirs.pop()
    names = [base_name(f['function']) for f in theirs]
    return ours == names, names


def name_assertion(case):
    """The function of a failed condition bears the name of the copy that faulted right after it."""
    for crash in case['crashes']:
        if case['assertion'] is not None and crash['stack'] and base_name(crash['stack'][0]['function']) == base_name(case['assertion']['function']):
            case['assertion']['function'] = crash['stack'][0]['function']


def restack(fixtures):
    """Works `stack` and `gdbAgrees` out anew from `frames` and the recorded answers, for every case."""
    for slug in sorted(os.listdir(f'{fixtures}/cases')):
        path = f'{fixtures}/cases/{slug}/case.json'
        if not os.path.exists(path):
            continue
        case = json.load(open(path))
        lines = Lines(f"{fixtures}/images/{case['image']}/llvm-symbolizer.jsonl.gz")
        for crash in case['crashes']:
            crash['stack'] = expand(crash['frames'], lines)
            by_gdb = next(t['frames'] for t in json.load(open(f'{fixtures}/cases/{slug}/gdb.json')) if t['cpu'] == crash['cpu'])
            text_range = (lines.runs[0]['first'], lines.runs[-1]['last'] + 1)
            crash['gdbAgrees'], _ = compare(crash['frames'], crash['stack'], by_gdb, text_range)
        name_assertion(case)
        open(path, 'w').write(compact(case) + '\n')


def instruction_at(image, pc):
    text = subprocess.run(['objdump', '-d', f'--start-address={hex(pc)}', f'--stop-address={hex(pc + 16)}', image],
                          capture_output=True, text=True).stdout
    m = re.search(rf'^\s*{pc:x}:\t[0-9a-f ]+\t(.*?)\s*$', text, re.M)
    return re.sub(r'\s+', ' ', m.group(1)) if m else None


def record_case(a, fixtures):
    image_directory = f'{fixtures}/images/{a.image}'
    environment = dict(word.split('=') for word in open(f'{a.build}/build.env').read().split())
    arch = environment['arch']
    scratch = tempfile.mkdtemp(prefix='case-')
    nm = f'{scratch}/nm.txt'
    # Functions over plain labels, globals over locals: the later line wins.
    out = subprocess.run(['nm', '-n', f'{image_directory}/image.elf'], capture_output=True, text=True).stdout.splitlines()
    open(nm, 'w').write('\n'.join(sorted(out, key=lambda l: (l.split()[0], l.split()[1] == 'T'))) + '\n')
    disk, log = f'{scratch}/disk.img', f'{scratch}/log.txt'
    shared = ['--cpus', str(a.cpus), '--model', a.model, '--limit', '240']
    run(f'{LAB}/disk.sh', a.build, disk, a.crash)
    until = ['--until', a.until] if a.until else []
    run(sys.executable, f'{LAB}/bochs.py', 'run', '--disk', disk, '--log', log, '--ends', str(a.ends), *shared, *until)
    text = open(log, newline='').read()
    dumps = read_dumps(text)
    target = f'{fixtures}/cases/{a.slug}'
    os.makedirs(target, exist_ok=True)
    shutil.copy(log, f'{target}/log.txt')
    os.chmod(f'{target}/log.txt', 0o644)
    case = {'slug': a.slug, 'image': a.image, 'arch': arch,
            'origin': {'emulator': 'Bochs 2.7 (Debian)', 'cpuModel': a.model, 'cpus': a.cpus, 'commandLine': a.crash,
                       'command': f'lab/record.py case BUILD {a.image} {a.slug} --crash "{a.crash}"',
                       'build': open(f'{a.build}/TOOLCHAIN').read().splitlines()[1].removeprefix('command: '),
                       'truth': 'calls, returns, jumps and exceptions in the emulator\'s instruction trace'},
            'crashes': [], 'assertion': None, 'msr': None, 'notes': a.notes}
    if m := re.search(r"Fatal: Halting! Condition '(.*)' failed, line (\d+), file (\S+)", text):
        case['assertion'] = {'condition': m.group(1), 'line': int(m.group(2)), 'file': m.group(3), 'function': a.function}
    if dumps:
        snapshots = trace(a, scratch, disk, nm, shared)
        twin = f'{image_directory}/image-cfi.elf'
        if not os.path.exists(twin):
            twin = f'{image_directory}/image.elf'
        gdb_core.write_core(f'{scratch}/core', arch, [place_in_core(d, arch) for d in dumps])
        by_gdb, gdb_text = gdb_core.ask(twin, f'{scratch}/core', scratch)
        open(f'{target}/gdb.txt', 'w').write(gdb_text.replace(scratch, ''))
        with open(f'{target}/gdb.json', 'w') as out:
            out.write('[\n' + ',\n'.join(
                ' {"cpu": "%s", "stop": %s, "frames": [\n  ' % (t['cpu'], json.dumps(t['stop'])) +
                ',\n  '.join(json.dumps(f) for f in t['frames']) + '\n ]}' for t in by_gdb) + '\n]\n')
        symbols = Symbols(nm)
        ranges = answers.executable_ranges(f'{image_directory}/image.elf')
        text_range = (ranges[0][0], ranges[-1][1])
        lines = Lines(f'{image_directory}/llvm-symbolizer.jsonl.gz')
        for dump in dumps:
            cpu = dump['cpu']
            snapshot = snapshots.get(str(int(cpu, 16)))
            assert snapshot is not None, f'CPU {cpu} was not traced'
            assert snapshot['vector'] == dump['vector'], (snapshot['vector'], dump['vector'])
            frames = physical_frames(snapshot, dump, symbols, text_range)
            gdb_frames = next(t['frames'] for t in by_gdb if t['cpu'] == cpu)
            problems = find_slots(frames, dump, arch, gdb_frames)
            stack = expand(frames, lines)
            agrees, theirs = compare(frames, stack, gdb_frames, text_range)
            instruction = instruction_at(f'{image_directory}/image.elf', dump['pc'])
            crash = {'cpu': cpu, 'vector': dump['vector'], 'pc': hex(dump['pc']), 'instruction': instruction, 'frames': frames,
                     'stack': stack, 'stop': a.stop, 'gdbAgrees': agrees}
            if problems:
                crash['problems'] = problems
            case['crashes'].append(crash)
            if instruction in ('rdmsr', 'wrmsr'):
                crash['msr'] = hex(dump['registers']['rcx' if arch == 'amd64' else 'ecx'] & 0xffffffff)
                case['msr'] = case['msr'] or crash['msr']
            print(cpu, dump['vector'], hex(dump['pc']), instruction, ' < '.join(str(s['function']) + ('*' if s['inlined'] else '') for s in stack),
                  '' if agrees else f'\n   gdb: {theirs}', problems or '')
    name_assertion(case)
    with open(f'{target}/case.json', 'w') as out:
        out.write(compact(case) + '\n')
    shutil.rmtree(scratch)


def compact(case):
    """JSON with one frame or stack entry a line."""
    text = json.dumps(case, indent=1, ensure_ascii=False)
    return re.sub(r'\{\s+("(?:pc|function)":[^{}]*?)\s+\}', lambda m: '{' + re.sub(r'\s*\n\s*', ' ', m.group(1)) + '}', text)


def trace(a, scratch, disk, nm, shared):
    """The truth: a second run of the same image, silent until the fault, followed instruction by instruction."""
    out = f'{scratch}/trace.json'
    run(f'{LAB}/disk.sh', a.build, disk, a.crash + ' quiet=1')
    traced = ['--traced', a.traced] if a.traced else []
    run(sys.executable, f'{LAB}/bochs.py', 'trace', '--disk', disk, '--log', f'{scratch}/trace.log', '--trace', out,
        '--symbols', nm, '--ends', str(a.ends), *shared, *traced)
    return json.load(open(out))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--fixtures', default=os.path.dirname(LAB) + '/fixtures')
    sub = p.add_subparsers(dest='what', required=True)
    image = sub.add_parser('image')
    image.add_argument('build')
    image.add_argument('slug')
    case = sub.add_parser('case')
    case.add_argument('build')
    case.add_argument('image')
    case.add_argument('slug')
    case.add_argument('--crash', required=True)
    case.add_argument('--ends', type=int, default=1)
    case.add_argument('--until')
    case.add_argument('--cpus', type=int, default=4)
    case.add_argument('--traced')
    case.add_argument('--model', default='corei5_arrandale_m520')
    case.add_argument('--stop', default='end-of-stack')
    case.add_argument('--function', help='the function of an assertion')
    case.add_argument('--notes', default='')
    sub.add_parser('restack')
    frames = sub.add_parser('frames')
    frames.add_argument('slug')
    a = p.parse_args()
    if a.what == 'restack':
        restack(a.fixtures)
    elif a.what == 'frames':
        record_frames(f'{a.fixtures}/images/{a.slug}')
    elif a.what == 'image':
        record_image(a.build, a.slug, a.fixtures)
    else:
        record_case(a, a.fixtures)


if __name__ == '__main__':
    main()
