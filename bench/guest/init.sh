#!/bin/busybox sh
# shellcheck shell=dash
# Process 1 of the benchmarks' guest: runs them, and powers off.  Words of the kernel's command line:
#   bench.only=PATTERN[,...]  bench.except=PATTERN[,...]  bench.rounds=N  bench.quick   as bench's options
#   bench.programs                   the programs of programs.sh, of which `only` chooses, instead
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
/bin/busybox mkdir -p /tmp
/bin/busybox mount -t tmpfs tmpfs /tmp
set -f  # the patterns are not for this shell
only="" except="" rounds="" quick="" programs=""
for word in $(/bin/busybox cat /proc/cmdline); do
  case $word in
    bench.only=*) only=${word#*=} ;;
    bench.except=*) except=${word#*=} ;;
    bench.rounds=*) rounds=${word#*=} ;;
    bench.quick) quick=--quick ;;
    bench.programs) programs=yes ;;
  esac
done
echo "bench: start"
if [ "$programs" ]; then
  /bin/sh /programs/programs.sh /bench "${rounds:-1}" "${only:-*}"
else
  /bench ${only:+--only "$only"} ${except:+--except "$except"} ${rounds:+--rounds "$rounds"} $quick
fi
echo "bench: status $?"
/bin/busybox poweroff -f
