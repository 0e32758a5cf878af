#!/bin/bash
# What doctor says of a machine with systemd, cgroup v2 and a KVM.
. "$(dirname "$0")/lib.sh"

# says CHECK STATE PATTERN
says() {
    jq -r --arg check "$1" '.[] | select(.check == $check) | .state + ": " + .text' "$dir/doctor.json" >"$dir/line"
    check grep -qE "^$2: .*$3" "$dir/line"
}

"$cbench" doctor
expect_code 0 "$cbench" doctor --json
cp "$dir/out" "$dir/doctor.json"
says root passes root
says agent passes sha256
says 'arm host' passes run
says 'arm container' passes run
says 'arm vm' passes run
says 'hardware kvm' passes "$(class_pattern)"
says cgroups passes "v2, beside systemd's: cpuset,memory,pids"
! in_testhost || says 'bare metal' cannot-tell 'qemu-tcg'
done_testing
