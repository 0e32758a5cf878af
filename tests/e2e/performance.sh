#!/bin/bash
# What the documentation says of performance is held against a run of this machine: nothing in it is refuted, and
# writing the measured numbers changes what stands between the marks and nothing else.
# needs: host container vm
# seconds: 400
. "$(dirname "$0")/lib.sh"
need_root

page=$root/docs/performance.md
expect_code 0 "$cbench" verify --lint "$page"
measured "$cbench" run --bench ctl.spin,ctl.syscall,mem.chase,fs.rand,net.rr,start.total --quick --blocks 8 --seed 1

# Exit status 4: the machine is too noisy to say anything, which is not the documentation's fault.
cp "$page" "$dir/page.md"
got=0
"$cbench" verify --write-docs "$dir/page.md" >"$dir/out" 2>"$dir/err" || got=$?
checks=$((checks + 1))
[ "$got" = 0 ] || [ "$got" = 4 ] || {
    cat "$dir/out" "$dir/err" >&2
    fail "exit code $got: verify docs/performance.md"
}
check jq -e '.verdicts | length == 10 and all(.verdict != "error" and .verdict != "refuted")' \
    "$CBENCH_HOME/latest/run.json" >/dev/null
if [ "$got" = 0 ] && must_run container; then
    check jq -e '.verdicts[] | select(.id == "start") | .verdict == "supported"' "$CBENCH_HOME/latest/run.json" >/dev/null
fi

unmeasured() {
    sed 's/\(<!-- cbench:[a-z-]* -->\)[^<]*\(<!-- .cbench -->\)/\1\2/' "$1"
}
check cmp -s <(unmeasured "$page") <(unmeasured "$dir/page.md")
done_testing
