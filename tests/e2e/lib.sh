# shellcheck shell=bash disable=SC2034
# Shared by the end-to-end tests: sourced, not run. Each test works in a directory of its own and leaves nothing.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cbench=${CBENCH:-$root/build/cli/cbench}
agent=$(readlink -f "$(dirname "$cbench")/../bench/cbench-agent")
dir=$(mktemp -d "${TMPDIR:-/tmp}/cbench-e2e.XXXXXX")
export CBENCH_HOME=$dir/results
checks=0

cleanup() {
    rm -rf "$dir"
}
trap cleanup EXIT

fail() {
    printf 'FAIL: %s\n' "$*" >&2
    exit 1
}

# skip REASON: not run here; an error when CB_MUST_RUN names the arm that is missing.
skip() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

check() {
    checks=$((checks + 1))
    "$@" || fail "$*"
}

# expect_code CODE COMMAND...: output goes to $dir/out and $dir/err.
expect_code() {
    local want=$1 got=0
    shift
    "$@" >"$dir/out" 2>"$dir/err" || got=$?
    checks=$((checks + 1))
    [ "$got" = "$want" ] || {
        tail -n 5 "$dir/err" >&2
        fail "exit code $got, expected $want: $*"
    }
}

# measured COMMAND...: a run that ends well, or says that the machine is too noisy (4): what it says of numbers is not
# what these tests look at. Blocks that were disturbed have been repeated.
measured() {
    local got=0
    "$@" >"$dir/out" 2>"$dir/err" || got=$?
    checks=$((checks + 1))
    [ "$got" = 0 ] || [ "$got" = 4 ] || {
        tail -n 5 "$dir/err" >&2
        fail "exit code $got: $*"
    }
    check jq -e ".run.unfit == ($got == 4)" "$CBENCH_HOME/latest/run.json" >/dev/null
}

need_root() {
    [ "$(id -u)" = 0 ] || skip "needs root"
}

must_run() {
    case ",${CB_MUST_RUN:-}," in
    *,"$1",*) return 0 ;;
    *) return 1 ;;
    esac
}

# of_run PID RUN: is it a process of this build's agent, or one that names the run (qemu), or that is in its cgroups.
of_run() {
    [ "$(readlink "/proc/$1/exe")" = "$agent" ] || tr '\0' ' ' <"/proc/$1/cmdline" | grep -qF "$2" ||
        grep -qF "cbench-$2" "/proc/$1/cgroup"
}

# Everything of a run that could be left on the machine, by looking, not by asking cbench. Network namespaces end with
# the processes and mounts that hold them.
leftovers() {
    local run=$1 pid
    find /sys/fs/cgroup -maxdepth 3 -type d -name "cbench-$run*" 2>/dev/null
    grep -F "$run" /proc/self/mountinfo || true
    ls -d "/run/cbench/$run" "$CBENCH_HOME/$run/work" 2>/dev/null || true
    find /sys/class/net -name 'cb-*' -printf 'link %f\n'
    for pid in $(pgrep cbench-agent) $(pgrep qemu-system); do
        ! of_run "$pid" "$run" 2>/dev/null || echo "process $pid"
    done
}

# nothing_left RUN: at once, or after the moment that the kernel takes to end a namespace and its links.
nothing_left() {
    local left=
    checks=$((checks + 1))
    for _ in $(seq 50); do
        left=$(leftovers "$1")
        [ -n "$left" ] || return 0
        sleep 0.1
    done
    fail "left behind by $1: $left"
}

done_testing() {
    printf 'ok: %d checks\n' "$checks"
}
