#!/bin/bash
# After SIGKILL, with a virtual machine on KVM and a container up, gc finds and removes all that is left.
. "$(dirname "$0")/lib.sh"

# wait_for COMMAND...: until it succeeds.
wait_for() {
    for _ in $(seq 100); do
        ! "$@" 2>/dev/null || return 0
        kill -0 "$pid" 2>/dev/null || { cat "$dir/err" >&2; fail "the run ended by itself"; }
        sleep 0.5
    done
    cat "$CBENCH_HOME"/*/log.txt "$dir/err" >&2
    ps -ef >&2
    fail "in vain: $*"
}

run_id() {
    run=$(basename "$(readlink -f "$CBENCH_HOME"/2*-*)") && [ -d "$CBENCH_HOME/$run" ]
}

has_qemu() {
    pgrep -f "qemu-system.*$run" >/dev/null
}

"$cbench" run --bench ctl.syscall,fs.commit --blocks 50 --seed 1 --arm host --arm vm:accel=kvm >"$dir/out" 2>"$dir/err" &
pid=$!
wait_for run_id
wait_for has_qemu
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
sleep 1
expect_code 0 "$cbench" gc
cat "$dir/out"
nothing_left "$run"
expect_code 0 "$cbench" gc
check grep -q 'nothing left behind' "$dir/out"
done_testing
