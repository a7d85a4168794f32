#!/usr/bin/env bash
# What one would write by hand: the symbols of nm, and the nearest one below each stack word of the first CPU.
set -eu
log=$1 image=$2
nm -n "$image" >"${TMPDIR:-/tmp}/nm.$$"
trap 'rm -f "${TMPDIR:-/tmp}/nm.$$"' EXIT
python3 - "$log" "${TMPDIR:-/tmp}/nm.$$" <<'PYTHON'
import bisect, re, sys
symbols = []
for line in open(sys.argv[2]):
    parts = line.split()
    if len(parts) == 3 and parts[1] in 'tT':
        symbols.append((int(parts[0], 16), parts[2]))
starts = [start for start, _ in symbols]
cpu = None
for line in open(sys.argv[1], errors='replace'):
    match = re.match(r'\[(..)\]  Stack\((0x[0-9a-f]+)\) -> (0x[0-9a-f]+)', line)
    if not match: continue
    cpu = cpu or match[1]
    value = int(match[3], 16)
    at = bisect.bisect_right(starts, value) - 1
    if match[1] == cpu and at >= 0 and value - starts[at] < 0x10000:
        print(match[2], match[3], symbols[at][1], hex(value - starts[at]))
PYTHON
