#!/usr/bin/env python3
"""A core file from a log's dumps, and gdb's answer over it.

gdb is the second witness: it gets the registers as they were at the fault (the stack pointer is the interrupted one, not
the printed one), the dumped words, and the link that keeps its call-frame information.
"""
import json, os, struct, subprocess

GDB_SCRIPT = r'''
import gdb, json
gdb.execute('set pagination off')
gdb.execute('set width 0')
gdb.execute('set print frame-arguments all')
gdb.execute('set backtrace limit 64')
SP = 'rsp' if gdb.selected_frame().architecture().name().startswith('i386:x86-64') else 'esp'
def text(value):
    try:
        return value.format_string(max_elements=8)
    except Exception as problem:
        return f'<{problem}>'
def variables(frame, wanted):
    found, seen = [], set()
    try:
        block = frame.block()
    except RuntimeError:
        return found
    while block is not None:
        for symbol in block:
            if symbol.is_argument != wanted or not (symbol.is_argument or symbol.is_variable) or symbol.name in seen:
                continue
            if symbol.addr_class == gdb.SYMBOL_LOC_STATIC:
                continue
            seen.add(symbol.name)
            try:
                value = symbol.value(frame)
                found.append({'name': symbol.name, 'type': str(symbol.type), 'value': text(value), 'optimizedOut': bool(value.is_optimized_out)})
            except Exception as problem:
                found.append({'name': symbol.name, 'type': str(symbol.type), 'value': f'<{problem}>', 'optimizedOut': False})
        if block.function is not None:
            break
        block = block.superblock
    return found
answers = []
for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
    thread.switch()
    frame, frames = gdb.newest_frame(), []
    stop = ''
    while frame is not None and len(frames) < 64:
        place = frame.find_sal()
        entry = {'function': frame.name(), 'inlined': frame.type() == gdb.INLINE_FRAME, 'pc': hex(frame.pc()),
                 'file': place.symtab.fullname() if place.symtab else None, 'line': place.line if place.symtab else 0,
                 'arguments': variables(frame, True), 'locals': variables(frame, False)}
        frames.append(entry)
        try:
            older = frame.older()
        except gdb.error as problem:
            stop = str(problem)
            break
        if older is None:
            stop = gdb.frame_stop_reason_string(frame.unwind_stop_reason())
        else:
            try:
                entry['cfa'] = hex(int(older.read_register(SP)) & (0xffffffffffffffff if SP == 'rsp' else 0xffffffff))
            except gdb.error:
                entry['cfa'] = None
        frame = older
    answers.append({'cpu': f'{thread.ptid[1] - 1:02x}', 'frames': frames, 'stop': stop})
json.dump(answers, open(OUT, 'w'))
'''

I386 = ['ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp', 'eax', 'ds', 'es', 'fs', 'gs', 'orig', 'pc', 'cs', 'flags', 'sp', 'ss']
AMD64 = ['r15', 'r14', 'r13', 'r12', 'rbp', 'rbx', 'r11', 'r10', 'r9', 'r8', 'rax', 'rcx', 'rdx', 'rsi', 'rdi', 'orig',
         'pc', 'cs', 'flags', 'sp', 'ss', 'fs_base', 'gs_base', 'ds', 'es', 'fs', 'gs']


def write_core(path, arch, crashes):
    """crashes: each with cpu (number), registers by name plus pc, cs, flags, sp, and words {address: value}."""
    wide = arch == 'amd64'
    word = 8 if wide else 4
    notes = b''
    for crash in crashes:
        names = AMD64 if wide else I386
        values = b''.join(struct.pack('<Q' if wide else '<I', crash['registers'].get(name, 0)) for name in names)
        status = bytearray(336 if wide else 144)
        struct.pack_into('<I', status, 32 if wide else 24, crash['cpu'] + 1)
        at = 112 if wide else 72
        status[at:at + len(values)] = values
        notes += struct.pack('<III', 5, len(status), 1) + b'CORE\0\0\0\0' + bytes(status)
    segments = []
    for crash in crashes:
        addresses = sorted(crash['words'])
        data = b''.join((crash['words'][a]).to_bytes(word, 'little') for a in addresses)
        segments.append((addresses[0], data))
    header = 64 if wide else 52
    entry = 56 if wide else 32
    offset = header + entry * (1 + len(segments))
    programs = []
    def program(kind, at, address, size):
        if wide:
            return struct.pack('<IIQQQQQQ', kind, 6, at, address, 0, size, size, 1)
        return struct.pack('<IIIIIIII', kind, at, address, 0, size, size, 6, 1)
    body = notes
    programs.append(program(4, offset, 0, len(notes)))
    for address, data in segments:
        programs.append(program(1, offset + len(body), address, len(data)))
        body += data
    ident = b'\x7fELF' + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    if wide:
        head = ident + struct.pack('<HHIQQQIHHHHHH', 4, 62, 1, 0, header, 0, 0, header, entry, len(programs), 0, 0, 0)
    else:
        head = ident + struct.pack('<HHIIIIIHHHHHH', 4, 3, 1, 0, header, 0, 0, header, entry, len(programs), 0, 0, 0)
    open(path, 'wb').write(head + b''.join(programs) + body)


def ask(image, core, scratch):
    script, out = scratch + '/ask.py', scratch + '/ask.json'
    open(script, 'w').write(f'OUT = {out!r}\n' + GDB_SCRIPT)
    # gdb looks for sources under its working directory, and would name them by where they lie there.
    # A line of the stack cache that begins below the dump would be filled from .bss: zeros for words that were dumped.
    base = ['gdb', '-q', '-batch', '-nx', '-iex', 'set stack-cache off', os.path.abspath(image), '-c', os.path.abspath(core)]
    subprocess.run(base + ['-x', script], check=True, capture_output=True, cwd='/')
    answers = json.load(open(out))
    text = subprocess.run(base + ['-ex', 'set pagination off', '-ex', 'set width 0', '-ex', 'set print frame-arguments all',
                                  '-ex', 'set backtrace limit 64', '-ex', 'thread apply all -ascending bt full'],
                          capture_output=True, text=True, cwd='/').stdout
    at = text.find('\nThread ')
    return answers, text[at + 1:] if at >= 0 else text
