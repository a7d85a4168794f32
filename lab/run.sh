#!/usr/bin/env bash
# Boots a build in Bochs and prints its serial log: lab/run.sh BUILD_DIR "COMMAND LINE" [CPUS] [ENDS]
#
# ENDS: how many CPUs must have ended their dump, or have said that nothing is left to do; all of them by default. The emulator needs a terminal and gets a
# pseudo-terminal (bochs.py); it is ended by its process id when the log has been quiet for a moment.
set -euo pipefail
lab=$(cd "$(dirname "$0")" && pwd)
build=$1 line=$2 cpus=${3:-4} ends=${4:-${3:-4}}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$lab/disk.sh" "$build" "$scratch/disk.img" "$line"
python3 "$lab/bochs.py" run --disk "$scratch/disk.img" --log "$scratch/serial.log" --cpus "$cpus" --ends "$ends"
cat "$scratch/serial.log"
