#!/bin/bash
# A hostile program in the agent's place gets out of no container: what it tries and what docs/security.md promises.
# needs: container
# seconds: 300
. "$(dirname "$0")/lib.sh"
need_root
hostile=$(dirname "$cbench")/../tests/hostile

# jailed ARM: every attempt is refused. What an arm does not promise it says itself.
jailed() {
    local got=0
    "$hostile/jail" "$1" "$(readlink -f "$hostile/payload")" >"$dir/out" 2>"$dir/err" || got=$?
    [ "$got" != 77 ] || skip "$(tail -n 1 "$dir/out")"
    checks=$((checks + $(grep -c '^held' "$dir/out" || true)))
    sed -n "s/^absent /$1, not tried: /p" "$dir/out"
    [ "$got" = 0 ] || {
        grep -v '^held' "$dir/out" >&2
        tail -n 5 "$dir/err" >&2
        fail "$1: status $got"
    }
}

for arm in container container:seccomp=ssbd container:fs=bind container:seccomp=off container:net=host \
    container:user=on,limits=on container:net=nat container:fs=volume,net=macvlan container:fs=tmpfs,net=none; do
    jailed "$arm"
done
done_testing
