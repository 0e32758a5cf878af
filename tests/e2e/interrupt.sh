#!/bin/bash
# needs: host container vm
# seconds: 400
# SIGINT keeps finished blocks and tears down; SIGKILL leaves what gc then removes.
. "$(dirname "$0")/lib.sh"
need_root

# start_run: a run in the background that is in the middle of its second block when this returns; sets pid and run.
start_run() {
    "$cbench" run --bench 'ctl.s*,fs.commit,net.rr,start.total,stop.total,instance.memory' --blocks 50 --budget 1h --seed 1 >"$dir/out" 2>"$dir/err" &
    pid=$!
    for _ in $(seq 1200); do
        run=$(find "$CBENCH_HOME" -maxdepth 1 -name '2*-*' -newer "$dir/stamp" -printf '%f\n' 2>/dev/null | head -n 1)
        if [ -n "$run" ] && grep -q '^block 0: done' "$CBENCH_HOME/$run/log.txt" 2>/dev/null; then
            sleep 1
            return
        fi
        kill -0 "$pid" 2>/dev/null || { cat "$dir/err" >&2; fail "the run ended by itself"; }
        sleep 0.1
    done
    fail "no block in 120 s"
}

touch "$dir/stamp"
start_run
kill -INT "$pid"
code=0
wait "$pid" || code=$?
check test "$code" = 130
check test -s "$CBENCH_HOME/$run/report.html"
check jq -e '.run.complete == false and ([.metrics[] | select(.arm == "container") | .n] | max >= 1)' "$CBENCH_HOME/$run/run.json" >/dev/null
nothing_left "$run"

sleep 1.1 # run ids differ by the second
touch "$dir/stamp"
start_run
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
sleep 1
expect_code 0 "$cbench" gc
cat "$dir/out"
nothing_left "$run"
expect_code 0 "$cbench" gc
check grep -q 'nothing left behind' "$dir/out"
# The finished blocks are in the database.
expect_code 0 "$cbench" report "$run" --format json
check jq -e '[.metrics[] | select(.arm == "container") | .n] | max >= 1' "$CBENCH_HOME/$run/run.json" >/dev/null
done_testing
