#!/usr/bin/env bash
# Installs what the lab needs on Debian 12 or a descendant of it. Tests and users need none of it.
set -euo pipefail
packages=(gcc gcc-multilib binutils clang lld llvm gdb bochs bochs-term bochsbios vgabios grub-pc-bin grub-common xorriso mtools python3)
if [ "$(id -u)" = 0 ]; then sudo=(); else sudo=(sudo); fi
"${sudo[@]}" apt-get update
"${sudo[@]}" apt-get install -y --no-install-recommends "${packages[@]}"
