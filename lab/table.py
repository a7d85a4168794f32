#!/usr/bin/env python3
"""Counts frames over recorded cases: ours, gdb's on the image without call-frame information, a frame-pointer walk, a scan.

  table.py [--fixtures DIR] > docs/MATRIX.md        needs dist/cli.js

Truth is `frames` of case.json. A tool's frame is right where its pc stands in the truth in the same order (longest common
subsequence), wrong where it lies in the code and does not, missing where only the truth has it.
"""
import argparse, json, os, subprocess, sys, tempfile

LAB = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, LAB)
import answers, gdb_core, record


def common(a, b):
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        last = 0
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], last + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


class Count:
    def __init__(self):
        self.right = self.wrong = self.missing = self.exact = 0

    def add(self, found, truth):
        same = common(found, truth)
        self.right += same
        self.wrong += len(found) - same
        self.missing += len(truth) - same
        self.exact += found == truth

    def __str__(self):
        return f'{self.right} / {self.wrong} / {self.missing}'


def by_frame_pointer(core, arch, in_code):
    word = 8 if arch == 'amd64' else 4
    at, pcs = core['registers']['rbp' if arch == 'amd64' else 'ebp'], [core['registers']['pc']]
    while at in core['words'] and at + word in core['words'] and len(pcs) < 64:
        if not in_code(core['words'][at + word]):
            break
        pcs.append(core['words'][at + word])
        if core['words'][at] <= at:
            break
        at = core['words'][at]
    return pcs


def by_scan(core, in_code):
    sp = core['registers']['sp']
    return [core['registers']['pc']] + [core['words'][a] for a in sorted(core['words']) if a >= sp and in_code(core['words'][a])]


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--fixtures', default=os.path.dirname(LAB) + '/fixtures')
    p.add_argument('--cli', default=os.path.dirname(LAB) + '/dist/cli.js')
    arguments = p.parse_args()
    f = arguments.fixtures
    scratch = tempfile.mkdtemp(prefix='table-')
    builds = {}
    for slug in sorted(os.listdir(f'{f}/cases')):
        path = f'{f}/cases/{slug}/case.json'
        case = json.load(open(path)) if os.path.exists(path) else {'crashes': []}
        if not case['crashes']:
            continue
        image, arch = f"{f}/images/{case['image']}/image.elf", case['arch']
        ranges = answers.executable_ranges(image)
        in_code = lambda pc: any(first <= pc < end for first, end in ranges)
        dumps = record.read_dumps(open(f'{f}/cases/{slug}/log.txt', newline='').read())
        cores = {d['cpu']: record.place_in_core(d, arch) for d in dumps}
        bare = f'{scratch}/bare.elf'
        subprocess.run(['objcopy', '-R', '.eh_frame', '-R', '.debug_frame', image, bare], check=True, stderr=subprocess.DEVNULL)
        gdb_core.write_core(f'{scratch}/core', arch, list(cores.values()))
        by_gdb, _ = gdb_core.ask(bare, f'{scratch}/core', scratch)
        text = subprocess.run(['node', arguments.cli, 'report', '--log', f'{f}/cases/{slug}/log.txt', '--image', image,
                               '--format', 'json'], check=True, capture_output=True, text=True).stdout
        ours = {c['cpu']: c for c in json.loads(text)['crashes']}
        b = builds.setdefault(case['image'], {'crashes': 0, 'synthetic': [0, 0, 0], 'honest': 0, **{k: Count() for k in ('ours', 'gdb', 'fp', 'scan')}})
        for crash in case['crashes']:
            cpu = crash['cpu']
            truth = [int(x['pc'], 16) for x in crash['frames'] if not x['synthetic']]
            found = [int(x['pc'], 16) for x in ours[cpu]['frames'] if not x['synthetic']]
            b['crashes'] += 1
            b['ours'].add(found, truth)
            if len(found) < len(truth) and ours[cpu]['stop']['kind'] != 'end-of-stack':
                b['honest'] += 1
            meant = [x['symbol'] for x in crash['frames'] if x['synthetic']]
            inferred = [x['symbol'] for x in ours[cpu]['frames'] if x['synthetic']]
            same = common(inferred, meant)
            b['synthetic'] = [b['synthetic'][0] + same, b['synthetic'][1] + len(inferred) - same, b['synthetic'][2] + len(meant) - same]
            chain = [x for x in next(t for t in by_gdb if t['cpu'] == cpu)['frames'] if not x['inlined']]
            pcs = [int(x['pc'], 16) for x in chain]
            b['gdb'].add(pcs[:1] + [pc for pc in pcs[1:] if in_code(pc)], truth)
            b['fp'].add(by_frame_pointer(cores[cpu], arch, in_code), truth)
            b['scan'].add(by_scan(cores[cpu], in_code), truth)
    print("""# Frames over the recorded builds

Written by `lab/table.py` from `fixtures/cases`. Frames **right / wrong / missing** against the emulator's own trace of every call; a function's inlined callees count with it.
"Tail calls": frames that were left by a jump, inferred by name. "Honest stops": crashes whose stack we show shorter than it was, and say so. The other three got the same image
and dump: gdb 13.1 without call-frame information (frames outside the code are not held against it), a walk along the saved frame pointers, and every word of the dump
that points into the code, as `addr2line` over a raw scan would list them. The derived depth over all 320 builds of the matrix is in [DEPTH.md](DEPTH.md).

| build | crashes | ours | whole stacks | tail calls | honest stops | gdb | frame pointers | scan |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |""")
    total = {'crashes': 0, 'honest': 0, 'exact': 0, 'synthetic': [0, 0, 0], **{k: Count() for k in ('ours', 'gdb', 'fp', 'scan')}}
    for name, b in sorted(builds.items()):
        print(f"| {name} | {b['crashes']} | {b['ours']} | {b['ours'].exact} | {' / '.join(map(str, b['synthetic']))} | {b['honest']} | {b['gdb']} | {b['fp']} | {b['scan']} |")
        for key in ('ours', 'gdb', 'fp', 'scan'):
            for part in ('right', 'wrong', 'missing'):
                setattr(total[key], part, getattr(total[key], part) + getattr(b[key], part))
        total['crashes'] += b['crashes']
        total['honest'] += b['honest']
        total['exact'] += b['ours'].exact
        total['synthetic'] = [x + y for x, y in zip(total['synthetic'], b['synthetic'])]
    print(f"| **all** | {total['crashes']} | {total['ours']} | {total['exact']} | {' / '.join(map(str, total['synthetic']))} | {total['honest']} | {total['gdb']} | {total['fp']} | {total['scan']} |")


if __name__ == '__main__':
    main()
