#!/bin/sh
# Makes a machine: sh machine.sh NAME KUBERNETES PROBE, in mount, UTS and PID namespaces of its own. Prints this process'
# number, as the world outside counts, when all is done, and becomes the machine's first process. Whatever the machine
# writes is in its memory and ends with it: nothing of this is seen outside.
set -eu
name=$1 kubernetes=$2 probe=$3

# Not yet the /proc of this PID namespace.
while read -r key value; do
    case $key in Pid:) pid=$value ;; esac
done </proc/self/status

mount --make-rprivate /
mount -t proc proc /proc
echo "$name" >/proc/sys/kernel/hostname

# The programs first: they may be in a directory that is about to be covered.
mount -t tmpfs tmpfs /run
mkdir -p /run/lab/settings /run/cni/net.d
for program in kubernetes probe; do : >"/run/lab/$program"; done
mount --bind "$kubernetes" /run/lab/kubernetes
mount --bind "$probe" /run/lab/probe
: >/run/lab/resolv.conf
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /var/log

# A kubelet sets these, and they are everybody's: it gets files that look alike.
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \
    kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    copy=/run/lab/settings/$(echo "$setting" | tr / -)
    cat "/proc/sys/$setting" >"$copy"
    mount --bind "$copy" "/proc/sys/$setting"
done
# As on every node: what is mounted later is seen in the volumes of pods.
mount --make-rshared /

echo "$pid"
exec /run/lab/probe
