#!/bin/bash
# An ordinary user: what needs root is said, and the host arms run.
. "$(dirname "$0")/lib.sh"
user=user
in_testhost || user=$(getent passwd "${SUDO_UID:-65534}" | cut -d : -f 1)
home=$(mktemp -d "${TMPDIR:-/tmp}/cbench-user.XXXXXX")
trap 'cleanup; rm -rf "$home"' EXIT
chown "$user" "$home"
chmod 755 "$dir"

as_user() {
    runuser -u "$user" -- env -C "$home" HOME="$home" CBENCH_HOME="$home/results" CBENCH_CACHE="$home/cache" "$@"
}

consult as_user "$cbench"
says root fails 'not root'
says 'arm container' fails 'root'

# The container was asked for by name, hence 5. What could be measured is there.
expect_code 5 as_user "$cbench" run --quick --blocks 1 --seed 1 --bench ctl.syscall,net.rr --arm host --arm host2 --arm container
cat "$dir/out"
json=$home/results/latest/run.json
check jq -e '.arms[] | select(.name == "container") | .status == "skipped" and (.reason | contains("root"))' "$json" >/dev/null
check jq -e '.arms | map(select(.runner == "host") | .status) == ["ok", "ok"]' "$json" >/dev/null
check jq -e '.arms[] | select(.name == "host") | .facts["cgroup.version"] | startswith("none: ")' "$json" >/dev/null
check jq -e '[.metrics[] | select(.name == "ctl.syscall.time" and .arm == "host2") | .outcome] == ["ok"]' "$json" >/dev/null
check jq -e '[.metrics[] | select(.name | startswith("net.rr")) | .reason] | all(. != "")' "$json" >/dev/null
run=$(jq -r .run.id "$json")
nothing_left "$run"
check test ! -e "$home/results/$run/work"
done_testing
