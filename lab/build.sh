#!/usr/bin/env bash
# Builds the testbed: bootloader, secure loader, runtime, and the files of an XMHF artifact.
#
#   lab/build.sh out=DIR [arch=i386|amd64] [cc=gcc|clang] [opt=0|1|2|3|s] [dwarf=4|5] [fp=default|keep|omit] [cfi=drop|keep|merge|debug] [only=runtime]
#
# cfi=drop   .eh_frame discarded by the link script, as XMHF's newest builds have it
# cfi=keep   .eh_frame in a section of its own
# cfi=merge  .eh_frame inside .data, without a section header, as XMHF's builds of 2022 have it
# cfi=debug  no .eh_frame at all, .debug_frame instead
#
# only=runtime leaves out the other stages and files: for measurements that need no emulator
#
# DIR gets: runtime.exe, runtime-cfi.exe (the same .text, call-frame information kept: the second witness),
# sl_syms.exe, init_syms.exe, hypervisor-x86-ARCH.bin(.gz), TOOLCHAIN, build.env
set -euo pipefail
lab=$(cd "$(dirname "$0")" && pwd)
source_root=$lab/testbed
arch=i386 cc=gcc opt=0 dwarf=5 fp=default cfi=drop out= only=
for word in "$@"; do
  case $word in
    arch=*|cc=*|opt=*|dwarf=*|fp=*|cfi=*|out=*|only=runtime) declare "$word" ;;
    *) echo "build.sh: unknown word $word" >&2; exit 2 ;;
  esac
done
[ -n "$out" ] || { echo "build.sh: out=DIR is needed" >&2; exit 2; }
mkdir -p "$out/o"
out=$(cd "$out" && pwd)

# Names the sources, as a commit names a checkout; it is not a commit of this repository.
revision=$(cd "$source_root" && find . -type f | LC_ALL=C sort | xargs sha1sum | sha1sum | cut -c1-40)

case $arch in
  i386) machine="-m32 -march=i686"; emulation=elf_i386 ;;
  amd64) machine="-m64 -mcmodel=small"; emulation=elf_x86_64 ;;
  *) echo "build.sh: unknown arch $arch" >&2; exit 2 ;;
esac
freestanding="-std=gnu11 -ffreestanding -nostdlib -nostdinc -fno-stack-protector -fno-strict-aliasing -fcf-protection=none -mgeneral-regs-only -fno-common"
[ "$cc" = clang ] && freestanding="$freestanding -Wno-unused-command-line-argument"
stdarg=$($cc -print-file-name=include)
paths="-ffile-prefix-map=$source_root=/testbed -fdebug-prefix-map=$source_root=/testbed -I$source_root/include -isystem $stdarg"
# The compiler's own headers would be named by where they are installed.
paths="$paths -ffile-prefix-map=$stdarg=/compiler/include -fdebug-prefix-map=$stdarg=/compiler/include"
warnings="-Wall -Wextra -Werror"
common="$freestanding $warnings -gdwarf-$dwarf"
case $fp in
  default) ;;
  keep) common="$common -fno-omit-frame-pointer" ;;
  omit) common="$common -fomit-frame-pointer" ;;
esac
unwind=-fasynchronous-unwind-tables
[ "$cfi" = debug ] && unwind="-fno-asynchronous-unwind-tables -fno-unwind-tables"
runtime_flags="$machine $common -O$opt -fno-pic -fno-pie $unwind"
[ "$arch" = amd64 ] && runtime_flags="$runtime_flags -mno-red-zone"
loader=ld
[ "$cc" = clang ] && loader=ld.lld

compile() { # stage, flags, files...
  local stage=$1 flags=$2 file name; shift 2
  for file in "$@"; do
    name=$(basename "${file%.*}")
    # clang's assembler does not apply the prefix map to the compilation directory.
    [ "$cc" = clang ] && flags="$flags -fdebug-compilation-dir=/testbed/$stage"
    # shellcheck disable=SC2086
    (cd "$source_root/$stage" && $cc $flags $paths -c "$file" -o "$out/o/$stage-$name.o")
  done
}
objects() { local stage=$1 name; shift; for name in "$@"; do printf '%s ' "$out/o/$stage-$name.o"; done; }

# Runtime: one set of objects, linked as asked and once more with the call-frame information kept.
runtime_files="runtime.c smp.c exception.c partition.c vmx.c intercept.c crashes.c shapes.c ../common/print.c ../common/text.c"
# shellcheck disable=SC2086
compile runtime "$runtime_flags" entry-$arch.S $runtime_files
runtime_objects=$(objects runtime entry-$arch runtime smp exception partition vmx intercept crashes shapes print text)
link_runtime() { # CFI_..., output
  cpp -P -D"$1" "$source_root/runtime/runtime.lds" > "$out/o/$1.lds"
  # shellcheck disable=SC2086
  $loader -m $emulation -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 -T "$out/o/$1.lds" -o "$2" $runtime_objects 2> "$out/o/ld.err" ||
    { cat "$out/o/ld.err" >&2; exit 1; }
}
case $cfi in
  drop|debug) link_runtime CFI_DROP "$out/runtime.exe" ;;
  keep) link_runtime CFI_KEEP "$out/runtime.exe" ;;
  merge) link_runtime CFI_MERGE "$out/runtime.exe" ;;
  *) echo "build.sh: unknown cfi $cfi" >&2; exit 2 ;;
esac
if [ "$cfi" = debug ]; then cp "$out/runtime.exe" "$out/runtime-cfi.exe"; else link_runtime CFI_KEEP "$out/runtime-cfi.exe"; fi
for name in runtime runtime-cfi; do objcopy -O binary -j .text "$out/$name.exe" "$out/o/$name.text"; done
cmp "$out/o/runtime.text" "$out/o/runtime-cfi.text"

[ "$only" = runtime ] && exit 0

# Secure loader: linked at 0, so position-independent; the same width as the runtime.
compile secure-loader "$machine $common -Os -fpie -fvisibility=hidden -fno-asynchronous-unwind-tables $([ $arch = amd64 ] && echo -mno-red-zone)" entry.S sl.c ../common/print.c
# shellcheck disable=SC2046
ld -m $emulation -nostdlib -static --build-id=none -z noexecstack -T "$source_root/secure-loader/sl.lds" -o "$out/sl_syms.exe" $(objects secure-loader entry sl print)

# The hypervisor image: secure loader at 0, runtime with its zeros at 2 MiB.
objcopy -O binary "$out/sl_syms.exe" "$out/o/sl.bin"
objcopy -O binary --set-section-flags .bss=alloc,load,contents "$out/runtime.exe" "$out/o/runtime.bin"
image=$out/hypervisor-x86-$arch.bin
cp "$out/o/sl.bin" "$image"
truncate -s $((0x200000)) "$image"
cat "$out/o/runtime.bin" >> "$image"
gzip -9 -n -k -f "$image"

# Bootloader: always 32 bits; knows the runtime's hash.
gold=$(sha1sum < "$out/o/runtime.bin" | cut -c1-40 | sed 's/../0x&,/g')
compile boot "-m32 -march=i686 $common -O2 -fno-pic -fno-pie -fno-asynchronous-unwind-tables -DSUBARCH=\"$arch\" -DBUILD_REVISION=\"testbed-$revision\" -DGOLD_RUNTIME=$gold" \
  entry.S init.c acpi.c sha1.c ../common/print.c ../common/text.c
# shellcheck disable=SC2046
ld -m elf_i386 -nostdlib -static --build-id=none -z noexecstack -T "$source_root/boot/init.lds" -o "$out/init_syms.exe" $(objects boot entry init acpi sha1 print text)

{
  echo "source: lab/testbed, testbed-$revision"
  echo "command: lab/build.sh arch=$arch cc=$cc opt=$opt dwarf=$dwarf fp=$fp cfi=$cfi"
  echo "compiler: $($cc --version | head -1)"
  echo "linker: $($loader --version | head -1)"
  echo "assembler: $([ "$cc" = gcc ] && as --version | head -1 || echo integrated)"
  echo "flags: $runtime_flags"
} > "$out/TOOLCHAIN"
printf 'arch=%s cc=%s opt=%s dwarf=%s fp=%s cfi=%s revision=%s\n' "$arch" "$cc" "$opt" "$dwarf" "$fp" "$cfi" "$revision" > "$out/build.env"
