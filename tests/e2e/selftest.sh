#!/bin/bash
# The selftest runs kernels as a run does, leaves nothing, and its synthetic part follows from the seed. Whether this
# machine is quiet enough to pass is not tested.
# needs: host
# seconds: 120
. "$(dirname "$0")/lib.sh"

# tested ARG...: its JSON in $dir/out; passing and failing are both answers.
tested() {
    local got=0
    "$cbench" selftest --json --aa 50 "$@" >"$dir/out" 2>"$dir/err" || got=$?
    checks=$((checks + 1))
    [ "$got" -le 1 ] || fail "exit code $got: selftest $*"
    check jq -e ".ok == ($got == 0)" "$dir/out" >/dev/null
}

tested --bench 'ctl.spin,mem.fault,start.total'
check jq -e '[.kernels[] | [.arm, .benchmark]] | unique == [["host", "ctl.spin"], ["host", "mem.fault"]]' "$dir/out" >/dev/null
check jq -e '.kernels[0] | .iters > 0 and .rounds >= 5 and .ratio > 1 and .checksum != "0000000000000000"' "$dir/out" >/dev/null
check jq -e '.synthetic | length > 8 and all(.runs == 50 and .count <= 50)' "$dir/out" >/dev/null
check jq -e '[.synthetic[] | select(.planted == "5 % planted" and .event == "interval above 1").count] == [50]' \
    "$dir/out" >/dev/null
jq .synthetic "$dir/out" >"$dir/first"
tested --bench ctl.spin
checks=$((checks + 1))
jq .synthetic "$dir/out" | cmp -s - "$dir/first" || fail "the same seed gives other rates"
tested --bench ctl.spin --seed 2
checks=$((checks + 1))
! jq .synthetic "$dir/out" | cmp -s - "$dir/first" || fail "another seed gives the same rates"
check test ! -e "$CBENCH_HOME"

# Several arms, each by its name; what cannot run fails the test and not the other arms.
tested --bench ctl.spin --arm host2 --arm host
check jq -e '[.kernels[].arm] == ["host", "host2"] or [.kernels[].arm] == ["host2", "host"]' "$dir/out" >/dev/null
expect_code 2 "$cbench" selftest --arm nosuch
expect_code 2 "$cbench" selftest --aa 0
done_testing
