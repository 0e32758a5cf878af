#!/bin/bash
# The command line: help, versions, lists, usage errors, the plan. Nothing is measured.
. "$(dirname "$0")/lib.sh"

# says TEXT: the last error is one line "cbench: WHAT: WHY" (a hint may follow) that holds TEXT.
says() {
    checks=$((checks + 1))
    grep '^cbench: ' "$dir/err" | grep -qF -- "$1" || {
        cat "$dir/err" >&2
        fail "no error that says $1"
    }
}

expect_code 0 "$cbench" --version
check grep -Eq '^cbench [0-9]+\.[0-9]+\.[0-9]+$' "$dir/out"
expect_code 0 "$cbench" --help
for c in run list doctor report gc; do
    check grep -q "^  $c " "$dir/out"
done
for c in run list doctor report gc; do
    expect_code 0 "$cbench" "$c" --help
    check test -s "$dir/out"
    expect_code 0 "$cbench" "$c" --version
done
expect_code 2 "$cbench"
expect_code 2 "$cbench" nosuch
says 'nosuch'
expect_code 2 "$cbench" run --nosuch
expect_code 2 "$cbench" run --blocks 0
says 'blocks'
expect_code 2 "$cbench" run --budget 10
says 'budget'
expect_code 2 "$cbench" run --target 0
says 'target'
expect_code 2 "$cbench" run --target 1 --blocks 5
says 'exclude each other'
expect_code 2 "$cbench" run --target 1% --quick
says 'exclude each other'
expect_code 2 "$cbench" run --arm host --arm nosuch
says 'nosuch'
expect_code 2 "$cbench" run --arm host --arm container:net=nosuch
says 'nosuch'
expect_code 2 "$cbench" run --bench 'nosuch.*'
says 'nosuch'
expect_code 2 "$cbench" run --all --bench 'mem.*'
expect_code 2 "$cbench" report latest
says 'no runs'
expect_code 2 "$cbench" report
expect_code 2 "$cbench" list nosuch
check test ! -e "$CBENCH_HOME"

expect_code 0 "$cbench" run --dry-run --seed 5 --blocks 3
cp "$dir/out" "$dir/plan"
expect_code 0 "$cbench" run --dry-run --seed 5 --blocks 3
check cmp -s "$dir/out" "$dir/plan"
check grep -q 'seed 5, 3 blocks, 4 arms' "$dir/out"
checks=$((checks + 1))
! grep -q '^more' "$dir/out" || fail "--blocks 3 is not exactly 3 blocks"
expect_code 0 "$cbench" run --dry-run --target 0.5%
check grep -q '^more .*until every 95 % interval is within 0.5 %$' "$dir/out"
check test ! -e "$CBENCH_HOME"

for what in benchmarks sets arms metrics figures; do
    expect_code 0 "$cbench" list "$what" --json
    check jq -e 'length > 0 and all(.name)' "$dir/out" >/dev/null
    expect_code 0 "$cbench" list "$what" --markdown
    check grep -q '^|---' "$dir/out"
done

# The catalogue of the documentation is the program's own.
"$cbench" list benchmarks --markdown >"$dir/catalogue"
sed -n '/^<!-- cbench list benchmarks --markdown -->$/,/^<!-- end -->$/{//!p}' "$root/docs/benchmarks.md" >"$dir/documented"
check diff "$dir/documented" "$dir/catalogue"
expect_code 0 "$cbench" list sets --json
check jq -e 'map(.name) == ["quick", "standard", "full"] and all(.cases | tonumber > 0)
             and (map(.cases | tonumber) | . == sort)' "$dir/out" >/dev/null

expect_code 0 "$cbench" doctor --json
check jq -e 'length > 8 and all(.state)' "$dir/out" >/dev/null
done_testing
