#!/bin/bash
# An untouched run passes its audit; one flipped digit, wherever it is stored, does not.
# needs: host
# seconds: 120
. "$(dirname "$0")/lib.sh"

measured "$cbench" run --arm host --arm host2 --arm host:slow=50 --bench 'ctl.s*,start.total,stop.total' --blocks 2 --quick --seed 3
run=$(readlink "$CBENCH_HOME/latest")
json=$CBENCH_HOME/$run/run.json csv=$CBENCH_HOME/$run/samples.csv db=$CBENCH_HOME/cbench.db

# The control is no result, and is counted apart.
check jq -e '.control.arm == "host:slow=50" and .control.of <= 3 and ([.control.metrics[] | select(.name | endswith(".cold") | not)] | length) == 5' "$json" >/dev/null
check jq -e '[.metrics[].arm] | unique == ["host", "host2"]' "$json" >/dev/null
checks=$((checks + 1))
! grep -q '^metric.*host:slow' "$dir/out" || fail "the table names the control"
check grep -q 'Positive control: a planted 50 % slowdown was seen in' "$dir/out"

expect_code 0 "$cbench" audit latest
check grep -Eq "^$run: [0-9]+ values recomputed, no difference" "$dir/out"
expect_code 0 "$cbench" audit "$json"
expect_code 2 "$cbench" audit
expect_code 2 "$cbench" audit nosuch

# differs TEXT: the audit fails and names what differs.
differs() {
    expect_code 1 "$cbench" audit latest
    check grep -qF -- "$1" "$dir/out"
}

# A digit of the report.
cp "$json" "$dir/run.json"
n=$(jq '.metrics[] | select(.name == "ctl.spin.time" and .arm == "host2") | .n' "$json")
jq '(.metrics[] | select(.name == "ctl.spin.time" and .arm == "host2") | .n) += 1' "$dir/run.json" >"$json"
differs 'run.json: metrics[ctl.spin.time in host2].n: stored '$((n + 1))", recomputed $n"
cp "$dir/run.json" "$json"

# A digit of a sample in samples.csv.
cp "$csv" "$dir/samples.csv"
awk -F, -v OFS=, 'NR == 20 { $10 = $10 + 1 } { print }' "$dir/samples.csv" >"$csv"
differs 'samples.csv: line 20: '
check grep -q ': wall_ns: stored ' "$dir/out"
cp "$dir/samples.csv" "$csv"
expect_code 0 "$cbench" audit latest

# A digit of a sample in the database, where no other file shows it and where all do.
sample="result = (SELECT min(id) FROM result) AND nth = 3"
sqlite3 "$db" "UPDATE sample SET host_ns = host_ns + 1 WHERE $sample"
differs 'run.json: run.observations_sha256: '
sqlite3 "$db" "UPDATE sample SET host_ns = host_ns - 1, wall_ns = wall_ns + 1 WHERE $sample"
differs ': wall_ns: stored '
sqlite3 "$db" "UPDATE sample SET wall_ns = wall_ns - 1, iters = iters + 1 WHERE $sample"
differs ': iters: stored '
sqlite3 "$db" "UPDATE sample SET iters = iters - 1 WHERE $sample"
expect_code 0 "$cbench" audit latest

# An order that is not what the seed says.
sqlite3 "$db" "UPDATE instance SET position = 9 WHERE block = 1 AND arm = 0"
differs 'store: block 1: position of host: stored 9, '
sqlite3 "$db" "UPDATE block SET void_reason = 'I did not like it' WHERE block = 1"
differs 'store: block 1: why it does not count: stored I did not like it, recomputed '
sqlite3 "$db" "UPDATE block SET row = 7 WHERE block = 1"
differs 'store: block 1: row of the orders: stored 7, recomputed 1'
done_testing
