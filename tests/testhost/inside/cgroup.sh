#!/bin/bash
# Control groups of v2 beside systemd: limits bite, nothing is left, in a delegated unit too and after a kill.
. "$(dirname "$0")/lib.sh"

# as_unit NAME COMMAND...: in a service of its own, whose group is delegated to it; waits for its end.
as_unit() {
    local unit=/run/systemd/system/$1.service status=0
    {
        printf '[Service]\nType=oneshot\nDelegate=yes\nStandardOutput=file:%s\nStandardError=file:%s\n' "$dir/out" "$dir/err"
        printf 'Environment=CBENCH_HOME=%s\nEnvironment=CBENCH_CACHE=%s\n' "$CBENCH_HOME" "${CBENCH_CACHE:-/var/cache/cbench}"
        printf 'ExecStart=%s\n' "${*:2}"
    } >"$unit"
    systemctl daemon-reload
    systemctl start "$1" || status=$?
    rm "$unit"
    return "$status"
}

check as_unit cbench-check "$cbench" run --quick --blocks 1 --seed 1 --bench ctl.syscall --arm host --arm container
jqt '[.arms[].status] | all(. == "ok")'
jqt '.arms[] | select(.runner == "container") | .facts["cgroup.controllers"] == "cpuset,memory,pids"'
nothing_left "$(jq -r .run.id "$CBENCH_HOME/latest/run.json")"

# squeeze: the container's limit, at its first benchmark of the first block, becomes less than it needs.
squeeze() {
    local group
    for _ in $(seq 600); do
        sleep 0.05
        grep -q '^case ' "$CBENCH_HOME"/*/log.txt || continue # calibrating
        group=$(echo /sys/fs/cgroup/cbench-*/*-1)
        [ "$(wc -l <"$group/cgroup.procs")" -ge 2 ] || continue # the agent, and a benchmark
        echo 1M >"$group/memory.max" && return
    done 2>/dev/null
    return 1
}

export CBENCH_HOME=$dir/killed
# What the kernel kills for want of memory is the container's, in its group, and is said; the host arm goes on.
"$cbench" run --quick --blocks 1 --seed 1 --bench mem.chase --arm host --arm container >"$dir/out" 2>"$dir/err" &
pid=$!
check squeeze
wait "$pid" || true
cat "$dir/out"
keep_run killed
jqt '[.metrics[] | select(.arm == "host") | .outcome] | all(. == "ok" or . == "untrusted")'
jqt '.blocks[0].void_reason | contains("killed for memory")'
check grep -qE '^block 0 container mem.chase.*: failed.*the kernel killed for memory in its group' "$CBENCH_HOME/latest/log.txt"
nothing_left "$(jq -r .run.id "$CBENCH_HOME/latest/run.json")"
done_testing
