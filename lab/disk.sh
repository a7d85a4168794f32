#!/usr/bin/env bash
# Makes a bootable disk: lab/disk.sh BUILD_DIR DISK.img "COMMAND LINE"
set -euo pipefail
build=$1 disk=$2 line=$3
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/boot/grub"
objcopy -S "$build/init_syms.exe" "$tree/boot/init.bin"
# Not compressed: the emulator takes longer to inflate it than to read it.
cp "$build"/hypervisor-x86-*.bin "$tree/boot/hypervisor.bin"
cat > "$tree/boot/grub/grub.cfg" <<G
set timeout=0
multiboot /boot/init.bin $line
module /boot/hypervisor.bin
boot
G
grub-mkrescue -o "$disk" --install-modules="multiboot normal part_msdos iso9660 biosdisk configfile echo gzio" --locales= --fonts= --themes= "$tree" > /dev/null 2>&1
# Bochs wants whole cylinders.
unit=$((16 * 63 * 512)); size=$(stat -c %s "$disk")
truncate -s $(((size + unit - 1) / unit * unit)) "$disk"
