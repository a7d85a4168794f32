#!/usr/bin/env python3
"""Writes fixtures/zips: artifacts as actions/upload-artifact lays them out, and archives that must be refused.

  zips.py good BUILD_DIR SLUG       one artifact from a build of the testbed
  zips.py variants                  small artifacts in every form that is legal
  zips.py bad                       one archive for each way to lie; the name says which. Beside them in harmless/: names and
                                    kinds that hurt only who extracts

Every byte is written here by hand, so that lies can be told; times are fixed, so that a second run writes the same files.
"""
import os, struct, sys, zlib

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'fixtures', 'zips')
DOS_TIME, DOS_DATE = 0x6000, 0x5A21  # 2025-01-01 12:00:00
STREAMED = 0x0008  # sizes and CRC follow the data
UTF8 = 0x0800
MADE_BY_UNIX_45 = 0x032D


def raw_deflate(data, level=9):
    squeeze = zlib.compressobj(level, zlib.DEFLATED, -15)
    return squeeze.compress(data) + squeeze.flush()


def entry(name, data, **lies):
    """One member. Without lies: as upload-artifact streams it, deflated, with a data descriptor."""
    e = {'name': name.encode() if isinstance(name, str) else name, 'data': data, 'method': 8, 'flags': STREAMED | UTF8,
         'descriptor': True, 'extra': b'', 'local_extra': b'', 'mode': 0o100644, 'needed': 20}
    e.update(lies)
    if 'packed' not in e:
        e['packed'] = raw_deflate(data) if e['method'] == 8 else data
    e.setdefault('crc', zlib.crc32(data))
    e.setdefault('size', len(data))
    e.setdefault('packed_size', len(e['packed']))
    e.setdefault('local_name', e['name'])
    return e


def local(e):
    streamed = e['flags'] & STREAMED
    head = struct.pack('<IHHHHHIIIHH', 0x04034B50, e['needed'], e.get('local_flags', e['flags']), e.get('local_method', e['method']),
                       DOS_TIME, DOS_DATE, 0 if streamed else e.get('local_crc', e['crc']), 0 if streamed else e['packed_size'],
                       0 if streamed else e['size'], len(e['local_name']), len(e['local_extra']))
    body = head + e['local_name'] + e['local_extra'] + e['packed']
    if streamed and e['descriptor']:
        width = 'Q' if e.get('wide_descriptor') else 'I'
        body += struct.pack('<II' + width * 2, 0x08074B50, e.get('descriptor_crc', e['crc']), e['packed_size'], e['size'])
    return body


def central(e, offset):
    return struct.pack('<IHHHHHHIIIHHHHHII', 0x02014B50, MADE_BY_UNIX_45, e['needed'], e['flags'], e['method'], DOS_TIME, DOS_DATE,
                       e['crc'], e.get('central_packed_size', e['packed_size']), e.get('central_size', e['size']), len(e['name']),
                       len(e['extra']), 0, 0, 0, (e['mode'] << 16) | 0x20, e.get('offset', offset)) + e['name'] + e['extra']


def end(count, size, offset, comment=b'', disk=0, comment_length=None):
    return struct.pack('<IHHHHIIH', 0x06054B50, disk, 0, count, count, size, offset,
                       len(comment) if comment_length is None else comment_length) + comment


def archive(entries, comment=b'', prefix=b'', **lies):
    body, offsets = prefix, []
    for e in entries:
        offsets.append(len(body))
        body += local(e)
    directory = b''.join(central(e, at) for e, at in zip(entries, offsets))
    told = {'count': len(entries), 'size': len(directory), 'offset': len(body), 'comment': comment, **lies}
    return body + directory + end(**told)


def zip64_end(count, size, offset, at, locator=None):
    """The ZIP64 record and its locator; `at`: where the record lies."""
    record = struct.pack('<IQHHIIQQQQ', 0x06064B50, 44, MADE_BY_UNIX_45, 45, 0, 0, count, count, size, offset)
    return record + struct.pack('<IIQI', 0x07064B50, 0, at if locator is None else locator, 1)


def write(kind, name, data):
    os.makedirs(f'{FIXTURES}/{kind}', exist_ok=True)
    with open(f'{FIXTURES}/{kind}/{name}.zip', 'wb') as out:
        out.write(data)


def good(build, slug):
    arch = slug.split('-')[0]
    files = [f'hypervisor-x86-{arch}.bin.gz', 'init_syms.exe', 'runtime.exe', 'sl_syms.exe']
    write('good', slug, archive([entry(name, open(f'{build}/{name}', 'rb').read()) for name in files]))


# Stands for an ELF: starts like one, and no two parts of it are alike.
def stand_in(length=3000):
    words = b''.join(struct.pack('<I', (i * 2654435761) & 0xFFFFFFFF) for i in range(length // 4))
    return b'\x7fELF\x01\x01\x01' + bytes(9) + words


def zip64_archive():
    """One member whose sizes and offset stand in ZIP64 extra fields, and a ZIP64 end record."""
    data = stand_in()
    packed = raw_deflate(data)
    name = b'runtime.exe'
    e = entry(name, data, needed=45, flags=UTF8 | STREAMED, wide_descriptor=True)
    e['extra'] = struct.pack('<HHQQQ', 1, 24, len(data), len(packed), 0)
    e.update(central_packed_size=0xFFFFFFFF, central_size=0xFFFFFFFF, offset=0xFFFFFFFF)
    body = local(e)
    directory = central(e, 0)
    tail = zip64_end(1, len(directory), len(body), len(body) + len(directory))
    return body + directory + tail + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


def variants():
    elf = stand_in()
    write('good', 'variant-stored', archive([entry('runtime.exe', elf, method=0, flags=UTF8)]))
    write('good', 'variant-not-streamed', archive([entry('runtime.exe', elf, flags=0)]))
    write('good', 'variant-nested-folders', archive([entry('build/i386/xmhf/src/runtime.exe', elf), entry('build/i386/xmhf/src/notes.txt', b'hello\n')]))
    write('good', 'variant-directory-entries', archive([entry('out/', b'', method=0, flags=UTF8, mode=0o40755, packed=b''), entry('out/runtime.exe', elf)]))
    write('good', 'variant-comment', archive([entry('runtime.exe', elf)], comment=b'made by the testbed, with a comment of more than fifty-eight bytes in length'))
    write('good', 'variant-zip64', zip64_archive())
    write('good', 'variant-name-proto', archive([entry('__proto__', b'not a prototype\n'), entry('runtime.exe', elf)]))
    write('good', 'variant-two-elves', archive([entry('a/runtime.exe', elf), entry('b/runtime.exe', stand_in(2000))]))
    write('good', 'variant-no-elf', archive([entry('readme.txt', b'nothing to see\n')]))
    write('good', 'variant-empty', archive([]))


def bad():
    elf = stand_in()
    packed = raw_deflate(elf)
    plain = [entry('init_syms.exe', stand_in(1200)), entry('runtime.exe', elf)]
    whole = archive(plain)

    # Sums and lengths
    flipped = bytearray(elf)
    flipped[1000] ^= 1
    write('bad', 'lie-crc', archive([entry('runtime.exe', elf, packed=raw_deflate(bytes(flipped)))]))
    write('bad', 'lie-crc-stored', archive([entry('runtime.exe', elf, method=0, flags=UTF8, packed=bytes(flipped))]))
    write('bad', 'lie-descriptor', archive([entry('runtime.exe', elf, descriptor_crc=0x12345678)]))
    write('bad', 'lie-size-huge', archive([entry('runtime.exe', elf, central_size=0xFFFFFFF0)]))
    write('bad', 'lie-size-small', archive([entry('runtime.exe', elf, size=64, central_size=64)]))
    write('bad', 'lie-packed-size-past-end', archive([entry('runtime.exe', elf, central_packed_size=0x7FFFFFFF)]))
    write('bad', 'deflate-truncated', archive([entry('runtime.exe', elf, packed=packed[: len(packed) // 2])]))
    write('bad', 'deflate-garbage', archive([entry('runtime.exe', elf, packed=b'\xff' * 200)]))

    # Names
    write('bad', 'lie-local-name', archive([entry('runtime.exe', elf, local_name=b'decoy!!.exe')]))
    write('bad', 'lie-local-method', archive([entry('runtime.exe', elf, local_method=0)]))
    write('bad', 'dup-names', archive([entry('runtime.exe', elf), entry('runtime.exe', stand_in(1000))]))
    # Nothing is ever written under a member's name, so these names and kinds are only text.
    write('harmless', 'name-dotdot', archive([entry('../../runtime.exe', elf)]))
    write('harmless', 'name-absolute', archive([entry('/etc/runtime.exe', elf)]))
    write('harmless', 'name-backslash', archive([entry('..\\..\\runtime.exe', elf)]))
    write('harmless', 'name-nul', archive([entry(b'runtime.exe\0.txt', elf)]))
    write('harmless', 'symlink', archive([entry('runtime.exe', b'/etc/passwd', method=0, flags=UTF8, mode=0o120777)]))

    # What cannot be read
    write('bad', 'encrypted', archive([entry('runtime.exe', elf, flags=STREAMED | UTF8 | 1)]))
    write('bad', 'strong-encrypted', archive([entry('runtime.exe', elf, flags=STREAMED | UTF8 | 0x41)]))
    write('bad', 'method-lzma', archive([entry('runtime.exe', elf, method=14, packed=packed)]))
    write('bad', 'method-deflate64', archive([entry('runtime.exe', elf, method=9, packed=packed)]))

    # The directory
    body = b''.join(local(e) for e in plain)
    write('bad', 'lie-entry-count-low', archive(plain, count=1))
    write('bad', 'lie-entry-count-high', archive(plain, count=3))
    write('bad', 'lie-entry-count-65534', archive(plain, count=65534))
    write('bad', 'lie-directory-size', archive(plain, size=10))
    write('bad', 'lie-directory-offset', archive(plain, offset=len(body) - 7))
    write('bad', 'lie-directory-offset-past-end', archive(plain, offset=0x7FFFFFFF))
    write('bad', 'lie-comment-length', archive(plain, comment_length=20))
    write('bad', 'lie-disk-number', archive(plain, disk=3))
    write('bad', 'two-ends', whole + whole[-22:])
    write('bad', 'two-archives', whole + archive([entry('runtime.exe', stand_in(800))]))
    write('bad', 'trailing-data', whole + b'and something after the end of the archive')
    write('bad', 'end-in-comment', archive(plain, comment=end(0, 0, 0)))
    write('bad', 'truncated-end', whole[:-10])
    write('bad', 'truncated-half', whole[: len(whole) // 2])
    write('bad', 'truncated-directory', whole[:-60])
    write('bad', 'lie-local-offset', archive([entry('runtime.exe', elf, offset=5)]))
    write('bad', 'lie-local-offset-past-end', archive([entry('runtime.exe', elf, offset=0x7FFFFF00)]))

    # ZIP64
    good64 = zip64_archive()
    at = good64.rindex(b'PK\x06\x06')
    write('bad', 'zip64-4e9-entries', good64[:at] + zip64_end(4_000_000_000, 57, at - 57, at) + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF))
    write('bad', 'zip64-locator-wrong', good64[:at] + zip64_end(1, 57, at - 57, at, locator=at + 1_000_000) + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF))
    write('bad', 'zip64-offset-2e64', good64[:at] + zip64_end(1, 57, 2**64 - 1, at) + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF))
    wide = entry('runtime.exe', elf, needed=45)
    wide['extra'] = struct.pack('<HHQQ', 1, 16, len(elf), 2**64 - 1)
    wide.update(central_packed_size=0xFFFFFFFF, central_size=0xFFFFFFFF)
    write('bad', 'zip64-packed-size-2e64', archive([wide]))
    short = entry('runtime.exe', elf, needed=45)
    short['extra'] = struct.pack('<HHI', 1, 4, 7)
    short.update(central_size=0xFFFFFFFF)
    write('bad', 'zip64-extra-short', archive([short]))

    # Bombs, small ones
    zeros = bytes(8 << 20)
    write('bad', 'bomb-ratio', archive([entry('runtime.exe', zeros)]))
    write('bad', 'bomb-lies-64-bytes', archive([entry('runtime.exe', zeros[:64], packed=raw_deflate(zeros), crc=zlib.crc32(zeros[:64]))]))
    write('bad', 'bomb-overlap-full', overlap_full(200))
    write('bad', 'bomb-overlap-quoted', overlap_quoted(50))
    write('harmless', 'nested-archive', archive([entry('runtime.exe.zip', archive([entry('runtime.exe', zeros)]))]))

    # What a storage server sends instead
    write('bad', 'file-html', b'<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head><body>Try again later.</body></html>\n')
    write('bad', 'file-json', b'{"message":"Artifact has expired","documentation_url":"https://docs.github.com/rest"}\n')
    write('bad', 'file-xml', b'<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthenticationFailed</Code><Message>Signature expired.</Message></Error>')
    write('bad', 'file-empty', b'')
    write('bad', 'file-gzip', b'\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff' + packed)


def overlap_full(count):
    """Every name stands for the same member."""
    data = bytes(1 << 20)
    e = entry('0', data)
    body = local(e)
    directory = b''
    for i in range(count):
        other = dict(e, name=b'%03d' % i)
        directory += central(other, 0)
    return body + directory + end(count, len(directory), len(body))


def overlap_quoted(count):
    """Each member's data is a stored block that holds the next member's local header, then the kernel of zeros."""
    kernel = raw_deflate(bytes(1 << 20))
    headers, sizes = [], []
    tail = kernel
    size = 1 << 20
    members = []
    for i in reversed(range(count)):
        name = b'%03d' % i
        head = struct.pack('<IHHHHHIIIHH', 0x04034B50, 20, 0, 8, DOS_TIME, DOS_DATE, 0, len(tail), size, len(name), 0) + name
        members.append((name, len(tail), size, len(head) + len(tail)))
        block = struct.pack('<BHH', 0, len(head), len(head) ^ 0xFFFF) + head
        whole = head + tail
        tail = block + tail
        size += len(head)
    body = whole
    directory = b''
    for name, packed_size, full, distance in reversed(members):
        fake = entry(name, b'', flags=0, crc=0, size=full, packed_size=packed_size, packed=b'')
        directory += central(fake, len(body) - distance)
    return body + directory + end(count, len(directory), len(body))


if __name__ == '__main__':
    command = sys.argv[1] if len(sys.argv) > 1 else ''
    if command == 'good' and len(sys.argv) == 4:
        good(sys.argv[2], sys.argv[3])
    elif command == 'variants':
        variants()
    elif command == 'bad':
        bad()
    else:
        sys.exit(__doc__)
