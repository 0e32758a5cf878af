#!/bin/bash
# A ladder is measured in the same blocks, its steps add up to the whole, and the report says what each of them costs.
# needs: host container
# seconds: 300
. "$(dirname "$0")/lib.sh"

need_root
measured "$cbench" run --ladder container --quick --blocks 6 --bench ctl.syscall --seed 3
run=$(readlink "$CBENCH_HOME/latest")
json=$CBENCH_HOME/$run/run.json

check grep -q '^ctl.syscall.time, container, from host' "$dir/out"
check grep -Eq '^  = whole +([0-9.]+ \[|not distinguishable \()' "$dir/out"
check grep -Eq '^  steps together [0-9.]+: they add up to the whole' "$dir/out"

# jq_true FILTER: of the ladder's metric that is no first batch.
jq_true() {
    check jq -e ".ladders[] | select(.name == \"container\") | .metrics[] | select(.name == \"ctl.syscall.time\") | $1" \
        "$json" >/dev/null
}

jq_true '.adds_up'
jq_true '.total.base == "host" and .total.n >= 1'
# From each rung to the next; what branches off is compared with the rung that it leaves.
# shellcheck disable=SC2016 # jq's variable
jq_true '[.steps[] | select(.side | not) | select(.ratio)] | . as $s | all(range(1; length); $s[.].base == $s[. - 1].arm)'
jq_true '([.steps[] | select(.side | not) | .ratio | select(.) | log] | add) - (.sum | log) | fabs < 1e-9'
# Every step has an interval, or the reason why it has no ratio.
jq_true 'all(.steps[]; if .ratio then .ci95[0] <= .ratio and .ratio <= .ci95[1] else .reason != "" end)'

# A ladder is a part of what the report is audited for, and of what reproduces the run.
expect_code 0 "$cbench" audit latest
cp "$json" "$dir/run.json"
jq '.ladders[0].metrics[0].sum += 0.5' "$dir/run.json" >"$json"
expect_code 1 "$cbench" audit latest
check grep -q 'run.json: ladders\[container\].metrics\[.*\].sum: stored' "$dir/out"
cp "$dir/run.json" "$json"
check grep -q 'Why it costs more' "$CBENCH_HOME/$run/report.html"
check grep -q -- '--bench ctl.syscall --ladder container$' "$CBENCH_HOME/$run/report.md"

expect_code 2 "$cbench" run --ladder rope --dry-run
check grep -q 'there is no ladder "rope"' "$dir/err"
expect_code 0 "$cbench" list ladders
check grep -Eq '^container +host +\(foot\)' "$dir/out"
nothing_left "$run"
done_testing
