#!/bin/bash
# A run with a container and a virtual machine on KVM: outcomes and classes, never timings.
. "$(dirname "$0")/lib.sh"

cases='ctl.clock,ctl.syscall,mem.chase,fs.meta,net.rr'
measured "$cbench" run --quick --blocks 1 --seed 1 --bench "$cases" --arm host --arm container --arm vm:accel=kvm
cat "$dir/out"
keep_run run
run=$(jq -r .run.id "$CBENCH_HOME/latest/run.json")

jqt '.run.complete'
jqt '[.arms[].status] | all(. == "ok")'
jqt '[.metrics[].outcome] | all(. == "ok" or . == "untrusted")'
jqt '[.metrics[] | select(.name | startswith("net.rr") or startswith("fs.meta")) | .arm] | unique | length == 3'
jqt '[.arms[].agent_sha256] | unique | length == 1'
# shellcheck disable=SC2016
jqt '.arms[] | select(.runner == "vm") | .accelerator | test($class)' --arg class "^$(class_pattern)\$"
jqt '.arms[] | select(.runner == "container") | .facts | .["cgroup.version"] == "v2" and .["cgroup.missing"] == null'
# The guest boots the host's own kernel, where that is readable: then there is nothing to warn of.
# shellcheck disable=SC2016
jqt '.arms | (map(select(.runner == "host"))[0].facts.kernel) as $host | map(select(.runner == "vm"))[0].facts
    | .["kernel.hosts_own"] == "no" or .kernel == $host'
in_testhost && jqt '.arms[] | select(.runner == "vm") | .facts.clocksource == "kvm-clock"'
in_testhost && jqt '.arms[] | select(.runner == "vm") | .facts["kernel.hosts_own"] == "yes"'
nothing_left "$run"

# Whoever wants to know of KVM gets no answer from a host that is emulated itself.
cat >"$dir/kvm.cbench" <<'END'
version = 1
[claim kvm-syscall]
quote   = "a system call in a VM costs at most ten times what it costs outside"
doc     = claims.md
metric  = ctl.syscall.time
compare = vm:accel=kvm / host
assert  = ratio <= 10
needs   = kvm
number  = manual
END
echo 'In KVM a system call in a VM costs at most ten times what it costs outside.' >"$dir/claims.md"
if in_testhost; then
    expect_code 4 "$cbench" verify "$dir/kvm.cbench" --run latest
    check grep -q 'emulated' "$dir/out"
fi
cat "$dir/out"
done_testing
