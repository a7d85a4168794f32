#!/usr/bin/env python3
"""Runs Bochs headless on a disk image and ends it when the crash has been seen.

  bochs.py run   --disk IMG --log SERIAL [--ends N] [--cpus 4] [--model NAME] [--until TEXT] [--limit SECONDS]
  bochs.py trace --disk IMG --log SERIAL --trace OUT.json --symbols NM.txt [--ends N] ...

`run` stops when N CPUs have ended their dump or had nothing to do (or `--until` stands in the log) and the log has been quiet for a moment.
`trace` turns the debugger's instruction trace on where the secure loader enters the runtime, follows every call, return,
jump and exception of each CPU, and stops when N CPUs have said (quiet=1) that they are done. It writes, for each CPU, the stack of calls
as it was at the last exception.
"""
import argparse, bisect, json, os, pty, re, select, signal, subprocess, sys, tempfile, time

CONFIG = """display_library: term
plugin_ctrl: unmapped=true, biosdev=true, speaker=false, extfpuirq=true, parallel=false, serial=true, iodebug=false
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=1, ignore_bad_msrs=0
megs: 512
romimage: file=/usr/share/bochs/BIOS-bochs-latest, options=fastboot
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=disk, mode=flat, path={disk}
boot: disk
com1: enabled=1, mode=file, dev={log}
magic_break: enabled={magic}
panic: action=report
error: action=report
info: action=report
debug: action=ignore
log: {scratch}/bochs.log
"""


class Symbols:
    def __init__(self, path):
        # Of several names at one address the last in this order wins: functions before plain labels, globals before locals.
        best = {}
        for line in open(path):
            parts = line.split()
            if len(parts) < 3 or parts[-2] not in 'tT':
                continue
            best[int(parts[0], 16)] = parts[-1]
        self.starts = sorted(best)
        stubs = [at for at in self.starts if best[at].startswith('exception_stub_')]
        self.stubs = (stubs[0], next(at for at in self.starts if at > stubs[-1]))
        self.names = best

    def name(self, address):
        at = bisect.bisect_right(self.starts, address) - 1
        return self.names[self.starts[at]] if at >= 0 else None

    def start(self, address):
        at = bisect.bisect_right(self.starts, address) - 1
        return self.starts[at] if at >= 0 else None


# Where the stack pointer is loaded afresh: what called these is not on the stack they run on.
STACK_BOTTOMS = ('enter_common', 'gotvcpu', 'intercept_entry')

TRACE = re.compile(rb'^\((\d+)\)\.\[\d+\] \[[^\]]*\] ([0-9a-f]+):([0-9a-f]+) \([^)]*\): (\S+)[^;]*; ([0-9a-f]+)')


class Calls:
    """The stack of calls of one CPU."""

    def __init__(self, symbols):
        self.symbols = symbols
        self.stack = []  # outermost first
        self.pending = None
        self.last = None
        self.snapshot = None

    def step(self, pc, mnemonic, length):
        first, end = self.symbols.stubs
        if first <= pc < end and not first <= (self.last or 0) < end:
            self.enter_stub(int(self.symbols.name(pc).rpartition('_')[2]))
        if self.pending is not None:
            kind, source, after = self.pending
            self.pending = None
            if kind == 'call':
                caller = self.symbols.name(source)
                if caller in STACK_BOTTOMS:
                    self.stack = []
                self.stack.append({'kind': 'call', 'at': source, 'return': after, 'tails': []})
            elif kind == 'jump' and self.stack:
                left, entered = self.symbols.start(source), self.symbols.start(pc)
                if pc == entered and left != entered:
                    self.stack[-1]['tails'].append(self.symbols.name(source))
            elif kind == 'return' and self.stack:
                self.stack.pop()
        if mnemonic == b'call':
            self.pending = ('call', pc, pc + length)
        elif mnemonic.startswith(b'j'):
            self.pending = ('jump', pc, 0)
        elif mnemonic == b'ret':
            self.pending = ('return', pc, 0)
        elif mnemonic.startswith(b'iret'):
            while self.stack and self.stack.pop()['kind'] != 'event':
                pass
        self.last = pc

    def enter_stub(self, vector):
        """An exception or interrupt: the trace shows it by where the CPU goes on.

        An NMI finds the instruction named last not yet begun. Any other vector belongs to what follows it: a call or return
        whose target cannot be fetched, or is stopped at by DR0, has itself been done.
        """
        if vector != 2 and self.pending is not None:
            kind, source, after = self.pending
            if kind == 'call':
                self.stack.append({'kind': 'call', 'at': source, 'return': after, 'tails': []})
            elif kind == 'return' and self.stack:
                self.stack.pop()
        self.pending = None
        self.snapshot = {'vector': vector, 'pc': self.last, 'stack': [dict(e, tails=list(e['tails'])) for e in self.stack]}
        self.stack.append({'kind': 'event', 'at': self.last, 'vector': vector, 'tails': []})


def spawn(arguments):
    pid, fd = pty.fork()
    if pid == 0:
        os.environ['TERM'] = 'xterm'
        os.nice(5)
        os.execvp(arguments[0], arguments)
    return pid, fd


def main():
    p = argparse.ArgumentParser()
    p.add_argument('mode', choices=['run', 'trace'])
    p.add_argument('--disk', required=True)
    p.add_argument('--log', required=True)
    p.add_argument('--trace')
    p.add_argument('--symbols')
    p.add_argument('--ends', type=int, default=1)
    p.add_argument('--until')
    p.add_argument('--cpus', type=int, default=4)
    p.add_argument('--traced', help='CPU numbers to trace, comma separated; default all')
    p.add_argument('--model', default='corei5_arrandale_m520')
    p.add_argument('--limit', type=float, default=120)
    a = p.parse_args()
    scratch = tempfile.mkdtemp(prefix='bochs-')
    tracing = a.mode == 'trace'
    open(scratch + '/bochsrc', 'w').write(CONFIG.format(model=a.model, cpus=a.cpus, ips=1000000 if tracing else 2000000,
                                                        disk=a.disk, log=a.log, magic=int(tracing), scratch=scratch))
    traced = [int(n) for n in a.traced.split(',')] if a.traced else range(a.cpus)
    rc = 'c\n'
    if tracing:
        # An INIT turns the trace off again: once for the first CPU, and again when the first of the others has started.
        switch_on = ''.join(f'set $cpu = {n}\ntrace on\n' for n in traced) + 'set $cpu = 0\nc\n'
        rc += switch_on * (1 + a.cpus)
    open(scratch + '/rc', 'w').write(rc)
    for path in (a.log, a.disk + '.lock'):
        if os.path.exists(path):
            os.unlink(path)
    pid, fd = spawn(['bochs', '-q', '-f', scratch + '/bochsrc', '-rc', scratch + '/rc'])
    calls = {}
    symbols = Symbols(a.symbols) if tracing else None
    begun = time.time()
    rest = b''
    seen_at = None
    size = -1
    checked = 0
    ended = 'limit'
    try:
        while time.time() - begun < a.limit:
            ready, _, _ = select.select([fd], [], [], 0.2)
            if ready:
                try:
                    data = os.read(fd, 1 << 20)
                except OSError:
                    ended = 'exit'
                    break
                if tracing:
                    lines = (rest + data).split(b'\r\n')
                    rest = lines.pop()
                    for line in lines:
                        m = TRACE.match(line)
                        if m:
                            cpu = int(m.group(1))
                            if cpu not in calls:
                                calls[cpu] = Calls(symbols)
                            calls[cpu].step(int(m.group(3), 16), m.group(4), len(m.group(5)) // 2)
            now = time.time()
            if now - checked < 0.3:
                continue
            checked = now
            text = open(a.log, 'rb').read() if os.path.exists(a.log) else b''
            if tracing:
                # The testbed's quiet=1: one mark for each CPU that is done.
                done = text.count(b'#') - text.count(b'CPU #') >= a.ends
                quiet = 0.0
            else:
                done = (text.count(b']-----end------------') + text.count(b'nothing left to do') >= a.ends if not a.until
                        else a.until.encode() in text)
                quiet = 0.7
            if done:
                if len(text) != size:
                    size, seen_at = len(text), now
                if now - seen_at >= quiet:
                    ended = 'seen'
                    break
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if os.path.exists(a.disk + '.lock'):
            os.unlink(a.disk + '.lock')
    if tracing:
        json.dump({str(cpu): c.snapshot for cpu, c in sorted(calls.items()) if c.snapshot}, open(a.trace, 'w'))
    subprocess.run(['rm', '-rf', scratch])
    print(f'{a.mode}: {ended} after {time.time() - begun:.1f} s', file=sys.stderr)
    return 0 if ended == 'seen' else 1


if __name__ == '__main__':
    sys.exit(main())
