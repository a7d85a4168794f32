#!/usr/bin/env bash
# The full matrix (npm run lab): every combination of architecture, compiler, level, DWARF version, frame pointer and call-frame
# information is built, crashed and recorded below lab/out/full, outside the committed fixtures, with a table of what came of it (MATRIX.md). Takes many hours; a build
# that is already there is left out, so it can be stopped and started again.
#
#   lab/matrix.sh [PATTERN]      only builds whose slug matches the extended regular expression
set -euo pipefail
lab=$(cd "$(dirname "$0")" && pwd)
full=$lab/out/full
mkdir -p "$full/done"
python3 "$lab/matrix.py" list --all | cut -d' ' -f1 | grep -E "${1:-.}" | while read -r slug; do
  [ -e "$full/done/$slug" ] || echo "$slug"
done | nice xargs -P2 -I{} sh -c "python3 '$lab/matrix.py' record {} --work '$full/builds' --fixtures '$full' && touch '$full/done/{}'"
python3 "$lab/table.py" --fixtures "$full" > "$full/MATRIX.md"
echo "recorded under $full: $(find "$full/done" -type f | wc -l) builds"
