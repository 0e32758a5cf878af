#!/bin/bash
# Claims against a run: verdicts, exit codes, run.json, rewritten documents, the plan. The run is real, and then gets
# values that leave nothing to chance.
# needs: host
# seconds: 180
. "$(dirname "$0")/lib.sh"

cd "$dir"
mkdir docs
HOST2='metric = start.total.time
compare = host2 / host'

# claims FILE: its beginning; the claims come from standard input.
claims() {
    printf 'version = 1\n[defaults]\nmin-units = 6\n' >"$1"
    cat >>"$1"
}

# is ID VERDICT: as run.json has it.
is() {
    local got
    got=$(jq -r --arg id "$1" '.verdicts[] | select(.id == $id) | .verdict' "$CBENCH_HOME/latest/run.json")
    checks=$((checks + 1))
    [ "$got" = "$2" ] || fail "$1 is $got, expected $2"
}

says() {
    checks=$((checks + 1))
    grep -qF -- "$1" "$dir/out" || grep -qF -- "$1" "$dir/err" || {
        cat "$dir/out" "$dir/err" >&2
        fail "nobody says $1"
    }
}

# --- without a run

expect_code 2 "$cbench" verify
says 'claims.cbench: No such file'
claims claims.cbench <<<"[claim a]
$HOST2
assert = ratio within 20%"
expect_code 2 "$cbench" verify
says 'no runs'
expect_code 0 "$cbench" verify --lint
expect_code 2 "$cbench" plan
expect_code 2 "$cbench" plan claims.cbench
claims bad.cbench <<<"[claim a]
metric = start.total.tiem
compare = host2 / hots
assert = ratio within 20"
expect_code 2 "$cbench" verify --lint bad.cbench
says "bad.cbench:7:25: expected '%', found the end of the line [a]"
sed -i 's/20$/20%/' bad.cbench
expect_code 2 "$cbench" verify --lint bad.cbench
says "bad.cbench:5:10: expected a metric that exists"
says "bad.cbench:6:19: arm hots: there is no runner"
mkfifo pipe.cbench
expect_code 2 "$cbench" verify --lint pipe.cbench
says 'not a regular file'

# --- a run

code=0
"$cbench" run --arm host --arm host2 --bench 'start.total,stop.total' --blocks 6 --quick --seed 3 >"$dir/out" 2>"$dir/err" || code=$?
[ "$code" = 0 ] || [ "$code" = 4 ] || fail "run: exit code $code" # 4: a busy machine, of no interest here
run=$(readlink "$CBENCH_HOME/latest")

# The host starts in about 10 ms; its twin takes 5 % longer in half of the blocks and 5 % less in the others.
sqlite3 "$CBENCH_HOME/cbench.db" "
    UPDATE block SET void_reason = '';
    UPDATE sample SET wall_ns = iters * (10000000 + 1000 * result);
    UPDATE sample SET wall_ns = wall_ns * (0.95 + 0.1 * (SELECT block % 2 FROM result WHERE id = sample.result)) + result
        WHERE (SELECT arm FROM result WHERE id = sample.result) = 1;"
expect_code 0 "$cbench" report "$run" --format json,csv

expect_code 0 "$cbench" verify
says 'Verdicts hold for this host only.'
says '1 supported, 0 refuted'
is a supported
check jq -e '.verdicts[0] | .n == 6 and .instances == 12 and .p_support < .05 and
    (.command | startswith("cbench run --seed 3 --quick"))' "$CBENCH_HOME/latest/run.json" >/dev/null
expect_code 0 "$cbench" audit latest
expect_code 0 "$cbench" report latest
is a supported
check grep -q '<b>supported</b>' "$CBENCH_HOME/latest/report.html"

claims mixed.cbench <<<"[claim much]
$HOST2
assert = ratio >= 2
[claim near]
$HOST2
assert = ratio within 0.001%
[claim absent]
metric = start.total.time
compare = vm / host
assert = ratio > 1"
expect_code 1 "$cbench" verify mixed.cbench
is much refuted
is near inconclusive
is absent not-run
expect_code 1 "$cbench" verify --strict --run "$CBENCH_HOME/latest/run.json" mixed.cbench
expect_code 2 "$cbench" verify mixed.cbench bad.cbench
expect_code 0 "$cbench" verify --lint --run "$run" mixed.cbench
says 'mixed.cbench:8:8: warning: below-noise-floor: the margin of 0.001 % is smaller'

claims near.cbench <<<"[claim near]
$HOST2
assert = ratio within 0.001%"
expect_code 0 "$cbench" verify near.cbench
expect_code 3 "$cbench" verify --strict near.cbench
claims absent.cbench <<<"[claim absent]
metric = start.total.time
compare = vm / host
assert = ratio > 1
[claim later]
metric = start.crowd.time
compare = host2 / host
assert = ratio > 1
pending = \"nobody measures it\""
expect_code 77 "$cbench" verify absent.cbench
says 'nobody measures it'
is later not-run

expect_code 0 "$cbench" plan mixed.cbench
check grep -Eq '^much +6 blocks' "$dir/out"
check grep -Eq '^near +>1000 blocks' "$dir/out"
check grep -Eq '^absent +unknown' "$dir/out"

sqlite3 "$CBENCH_HOME/cbench.db" "UPDATE block SET void_reason = 'steal' WHERE block < 2"
expect_code 4 "$cbench" verify mixed.cbench
says '2 of 6 blocks are void'
sqlite3 "$CBENCH_HOME/cbench.db" "UPDATE block SET void_reason = ''; UPDATE arm SET status = 'failed' WHERE arm = 1"
expect_code 5 "$cbench" verify mixed.cbench
is much error
sqlite3 "$CBENCH_HOME/cbench.db" "UPDATE arm SET status = 'ok'"

# --- documents

cat >docs/page.md <<EOF
# Starts

A host starts like itself, within 20 %: <!-- cbench:twin -->x<!-- /cbench -->.
<!-- cbench-claim twin
$HOST2
assert = ratio within 20%
-->
<!-- cbench-defaults
min-units = 6
-->
	tabs,  blanks  and no newline at the end: <!-- cbench:other -->stays<!-- /cbench -->
EOF
truncate -s -1 docs/page.md
chmod 640 docs/page.md
cp docs/page.md before.md
expect_code 0 "$cbench" verify docs/page.md
check cmp -s docs/page.md before.md
is twin supported
check jq -e '.verdicts[0].location == "docs/page.md:3"' "$CBENCH_HOME/latest/run.json" >/dev/null
expect_code 0 "$cbench" verify --write-docs docs/page.md
says 'docs/page.md: 1 measured sentence rewritten'
check grep -Eq '<!-- cbench:twin -->[0-9.]+x, 90% CI [0-9.]+-[0-9.]+, n=6, [0-9-]{10}, ' docs/page.md
check cmp -s <(sed 's/\(<!-- cbench:twin -->\).*\(<!-- .cbench -->\.\)/\1x\2/' docs/page.md) before.md
check test "$(stat -c %a docs/page.md)" = 640
cp docs/page.md after.md
expect_code 0 "$cbench" verify --write-docs docs/page.md
check cmp -s docs/page.md after.md
check test "$(find docs -type f | wc -l)" = 1

# A sentence that the document does not have, one whose number is another, a mark that nothing closes.
claims docs/a.cbench <<<"[claim twin]
$HOST2
doc = page.md
quote = \"A host starts like itself, within 30 %\"
assert = ratio within 20%"
expect_code 2 "$cbench" verify docs/a.cbench
says 'docs/a.cbench:8:9: expected this sentence in page.md [twin]'
is twin error
sed -i 's/within 30/within 20/; s/ratio within 20/ratio within 25/' docs/a.cbench
expect_code 2 "$cbench" verify docs/a.cbench
says "docs/a.cbench:8:9: expected the number of 'ratio within 25%' in the sentence"
sed -i 's/ratio within 25/ratio within 20/' docs/a.cbench
expect_code 0 "$cbench" verify docs/a.cbench
says 'docs/page.md:3: twin: supported'
sed -i 's/<!-- .cbench -->\.$//' docs/page.md
expect_code 2 "$cbench" verify --write-docs docs/a.cbench
says "docs/page.md: line 3: nothing closes '<!-- cbench:twin -->'"

# What the project itself claims is well formed, whatever becomes of it.
expect_code 0 "$cbench" verify --lint "$root/docs/docker.cbench"
done_testing
