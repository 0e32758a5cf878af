#!/bin/bash
# shellcheck disable=SC2016
# needs: container
# seconds: 400
# Other container runtimes start the same agent beside ours, end to end, and leave nothing.
. "$(dirname "$0")/lib.sh"
need_root
export TMPDIR=/var/tmp # overlayfs does not lie on every filesystem

arms=(exec:runc exec:crun exec:bwrap 'exec:cmd={agent} run')
optional=()
for runtime in lxc podman; do
    if command -v "${runtime/lxc/lxc-start}" >/dev/null; then
        optional+=("exec:$runtime")
    else
        echo "exec:$runtime is not tried: $runtime is not installed"
    fi
done
beside=()
if docker version >/dev/null 2>&1; then
    optional+=(exec:docker)
elif command -v dockerd >/dev/null; then
    optional+=(exec:docker)
    beside=("$root/scripts/docker-engine")
else
    echo "exec:docker is not tried: no engine runs, and none is installed"
fi

options=()
for arm in host container "${arms[@]}" "${optional[@]}"; do
    options+=(--arm "$arm")
done
measured "${beside[@]}" "$cbench" run --bench 'ctl.clock,start.total,net.rr' --quick --blocks 1 --seed 1 "${options[@]}"
run=$(readlink "$CBENCH_HOME/latest")
json=$CBENCH_HOME/$run/run.json

arm_is() {
    jq -e --arg arm "$1" ".run.agent_sha256 as \$sha | .arms[] | select(.name == \$arm) | $2" "$json" >/dev/null
}

for arm in container "${arms[@]}" "${optional[@]}"; do
    check arm_is "$arm" '.status == "ok" and .agent_sha256 == $sha'
done
for arm in exec:runc exec:crun exec:bwrap; do
    check arm_is "$arm" '.facts.runtime != "" and (.facts.command | contains("{") | not)'
    # The link that our own container has.
    check jq -e --arg arm "$arm" '[.metrics[] | select(.arm == $arm and .name == "net.rr.p50" and .value > 0)] | length == 1' \
        "$json" >/dev/null
done

# What is not there is said, and is no failure of the others.
expect_code 2 "$cbench" run --arm host --arm exec:nothing
expect_code 2 "$cbench" run --arm host --arm "exec:cmd='open"

nothing_left "$run"
checks=$((checks + 1))
! pgrep -af -- "$run" >&2 || fail "a process still names $run"
done_testing
