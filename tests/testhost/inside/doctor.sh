#!/bin/bash
# What doctor says of a machine with systemd, cgroup v2 and a KVM.
. "$(dirname "$0")/lib.sh"

consult "$cbench"
says root passes root
says agent passes sha256
says 'arm host' passes run
says 'arm container' passes run
says 'arm vm' passes run
says 'hardware kvm' passes "$(class_pattern)"
says cgroups passes "v2, beside systemd's: cpuset,memory,pids"
! in_testhost || says 'bare metal' cannot-tell 'qemu-tcg'
done_testing
