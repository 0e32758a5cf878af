#!/bin/bash
# needs: host container vm
# seconds: 400
# Host, container and VM run for real, end to end, and leave a complete report and nothing else.
. "$(dirname "$0")/lib.sh"
need_root

measured "$cbench" run --bench 'ctl.s*,mem.fault,fs.commit,fs.meta,net.rr,net.crr,start.total,stop.total' --quick --blocks 3 --seed 1
run=$(readlink "$CBENCH_HOME/latest")
json=$CBENCH_HOME/$run/run.json

jqt() {
    checks=$((checks + 1))
    jq -e "$1" "$json" >/dev/null || fail "run.json: $1"
}
jqt '.schema == 1 and .run.complete and .run.blocks >= 3 and .run.quick and .run.seed == 1 and .run.stopped == "blocks"'
jqt '[.arms[].name] == ["host", "host2", "container", "vm"]'
for arm in host host2 container vm; do
    if must_run "${arm%2}"; then
        jqt ".arms[] | select(.name == \"$arm\") | .status == \"ok\""
        # The same bytes ran inside.
        jqt ".run.agent_sha256 as \$sha | .arms[] | select(.name == \"$arm\") | .agent_sha256 == \$sha"
    fi
done
jqt '.arms[] | select(.name == "vm" and .status == "ok") | .accelerator | test("tcg|kvm")'
# What the host counted bears out what was claimed, and no value is beyond what machines can do.
jqt '[.metrics[] | select(.reason | test("invalid:|implausible:"))] == []'
# Every metric has a number in every arm that is there.
# shellcheck disable=SC2016
jqt '[.arms[] | select(.status == "ok") | .name] as $arms
     | [.metrics[] | select(.value == null or .outcome == "failed" or .outcome == "skipped")] == []
       and ([.metrics[].arm] | unique) == ($arms | sort)'
# What happened first is a metric of its own.
jqt '[.metrics[] | select(.name == "ctl.syscall.time.cold" and .value > 0) | .arm] | length == 4'
# In every block, those that other programs disturbed too.
# shellcheck disable=SC2016
jqt '.run.blocks as $blocks | [.metrics[] | select(.arm == "container") | .with_void.n] | unique == [$blocks]'
jqt '[.metrics[] | select(.arm == "container") | .with_void | .ci95[0] <= .ratio and .ratio <= .ci95[1]] | all'
# What went on meanwhile: of every block, and of every arm which CPUs its threads had.
jqt '[.blocks[] | .noise["cpu.all_ns"] > 0 and .noise["time.elapsed_ns"] > 0] | all'
jqt '[.arms[] | select(.status == "ok") | .facts["cpus.threads"]] | unique | length == 1 and .[0] != null'
jqt '.run.blocks_void == ([.blocks[] | select(.void_reason != "")] | length)'
# The same iteration count in all arms: read it from the raw samples.
checks=$((checks + 1))
awk -F, 'NR > 1 && $6 !~ /^(start|stop)/ { k = $6; if (k in n && n[k] != $8) bad++; n[k] = $8 } END { exit bad > 0 || NR < 100 }' \
    "$CBENCH_HOME/$run/samples.csv" || fail "iteration counts differ between arms"
for f in report.html report.md samples.csv log.txt plots/overhead.svg plots/overhead.gp; do
    check test -s "$CBENCH_HOME/$run/$f"
done
check grep -q 'container' "$dir/out"
checks=$((checks + 1))
[ "$(LC_ALL=C.UTF-8 wc -L <"$dir/out")" -le 100 ] || fail "table wider than 100 columns"

# Rendered again from the store it is the same report.
cp "$json" "$dir/first.json"
expect_code 0 "$cbench" report latest --format json
check cmp -s "$dir/first.json" "$json"

nothing_left "$run"
expect_code 0 "$cbench" gc --dry-run
checks=$((checks + 1))
! grep -F "$run" "$dir/out" >&2 || fail "gc finds what is left of $run"
done_testing
