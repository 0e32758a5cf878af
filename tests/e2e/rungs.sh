#!/bin/bash
# needs: host container
# seconds: 200
# Every rung of the containers' ladder, and what else their parameters can be, in one short run; then the same killed.
. "$(dirname "$0")/lib.sh"
need_root

mapfile -t rungs <<'END'
container:ns=none,fs=host,net=host,seccomp=off
container:fs=bind,net=host,seccomp=off
container:fs=bind,net=host
container:fs=bind,net=host,seccomp=ssbd
container:net=host
container
container:net=nat
container:user=on,limits=on
container:net=macvlan
container:offload=off
container:fs=tmpfs,net=none
container:fs=volume,user=on
END
arms=(--arm host)
for rung in "${rungs[@]}"; do
    arms+=(--arm "$rung")
done

measured "$cbench" run --bench ctl.syscall,net.rr --blocks 1 --quick --seed 1 "${arms[@]}"
run=$(readlink "$CBENCH_HOME/latest")
json=$CBENCH_HOME/$run/run.json

# fact ARM KEY PATTERN: what the report says of an arm.
fact() {
    checks=$((checks + 1))
    # shellcheck disable=SC2016
    jq -e --arg arm "$1" --arg key "$2" --arg want "$3" \
        '.arms[] | select(.name == $arm) | .facts[$key] | test($want)' "$json" >/dev/null ||
        fail "$1: $2 is not $3 but $(jq --arg arm "$1" --arg key "$2" '.arms[] | select(.name == $arm) | .facts[$key]' "$json")"
}

for rung in "${rungs[@]}"; do
    checks=$((checks + 1))
    # shellcheck disable=SC2016
    jq -e --arg arm "$rung" '.run.agent_sha256 as $sha
        | .arms[] | select(.name == $arm) | .status == "ok" and .agent_sha256 == $sha' "$json" >/dev/null ||
        { must_run container && fail "$rung: $(jq -r --arg arm "$rung" '.arms[] | select(.name == $arm) | .reason' "$json")"; }
done
# An arm without a link has a reason where others have a number; every other case ran.
check jq -e '[.metrics[] | select(.outcome == "failed")] == []' "$json" >/dev/null
check jq -e '[.metrics[] | select(.outcome == "skipped") | .arm] | unique == ["container:fs=tmpfs,net=none"]' "$json" >/dev/null
fact container:ns=none,fs=host,net=host,seccomp=off namespaces '^none$'
fact container:ns=none,fs=host,net=host,seccomp=off caps.effective '[1-9a-f]'
fact container:fs=bind,net=host,seccomp=off seccomp '^0$'
fact container:fs=bind,net=host root.fs '^(ext4|xfs|btrfs|tmpfs|overlayfs|unknown)'
fact container:net=host root.fs overlay
fact container:net=nat network masqueraded
fact container:user=on,limits=on user '100000'
fact container:user=on,limits=on caps.effective '^0+$'
fact container:user=on,limits=on limits processes
fact container:offload=off offload 'off$'
fact container:net=macvlan network macvlan
fact container:fs=tmpfs,net=none scratch.fs '^tmpfs$'
nothing_left "$run"

# Killed in the middle of a block: what gc cannot find, nobody does.
touch "$dir/stamp"
sleep 1.1 # run ids differ by the second
"$cbench" run --bench ctl.syscall,net.rr --blocks 50 --budget 1h --seed 1 "${arms[@]}" >"$dir/out" 2>"$dir/err" &
pid=$!
run=
for _ in $(seq 600); do
    run=$(find "$CBENCH_HOME" -maxdepth 1 -name '2*-*' -newer "$dir/stamp" -printf '%f\n' | head -n 1)
    [ -z "$run" ] || ! grep -q '^block 0: done' "$CBENCH_HOME/$run/log.txt" 2>/dev/null || break
    sleep 0.1
done
check test -n "$run"
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
sleep 1
expect_code 0 "$cbench" gc
nothing_left "$run"
done_testing
