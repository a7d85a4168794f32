#!/usr/bin/env bash
# Writes fixtures/images, fixtures/cases and fixtures/zips anew. An hour or two on two cores; report.md of a case stays for
# the golden test to compare.
#
#   lab/record.sh [SLUG...]      only these builds of lab/matrix.py list
set -euo pipefail
lab=$(cd "$(dirname "$0")" && pwd)
fixtures=$(dirname "$lab")/fixtures
work=$lab/out
mkdir -p "$work"
if [ $# -eq 0 ]; then mapfile -t slugs < <(python3 "$lab/matrix.py" list | cut -d' ' -f1); else slugs=("$@"); fi
printf '%s\n' "${slugs[@]}" | nice xargs -P2 -I{} python3 "$lab/matrix.py" record {} --work "$work" --fixtures "$fixtures"
for slug in "${slugs[@]}"; do
  case $slug in *-gcc-O0|*-gcc-O2|*-gcc-O3) python3 "$lab/zips.py" good "$work/$slug" "$slug" ;; esac
done
python3 "$lab/zips.py" variants
python3 "$lab/zips.py" bad
