# shellcheck shell=bash disable=SC2034
# Shared by the end-to-end tests: sourced, not run. Each test works in a directory of its own and leaves nothing.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cbench=${CBENCH:-$root/build/cli/cbench}
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

need_root() {
    [ "$(id -u)" = 0 ] || skip "needs root"
}

must_run() {
    case ",${CB_MUST_RUN:-}," in
    *,"$1",*) return 0 ;;
    *) return 1 ;;
    esac
}

# Everything of cbench's that could be left on the machine, by looking, not by asking cbench. Runs of others (owner alive)
# are left out by the run id given.
leftovers() {
    local run=$1 f p
    find /sys/fs/cgroup -maxdepth 3 -type d -name "cbench-$run*" 2>/dev/null
    grep -F "$run" /proc/self/mountinfo || true
    ls -d "/run/cbench/$run" 2>/dev/null || true
    ls -d "$CBENCH_HOME/$run/work" 2>/dev/null || true
    for f in /proc/[0-9]*/cmdline; do
        p=${f%/cmdline}
        case $(cat "$p/comm" 2>/dev/null) in
        qemu-system* | cbench-agent*)
            if tr '\0' ' ' <"$f" 2>/dev/null | grep -qF "$run"; then
                echo "process ${p#/proc/}"
            fi
            ;;
        esac
    done
}

# Links, namespaces and agents carry no run id that a shell could see: counted before and after.
census() {
    find /sys/class/net -name 'cb*' | wc -l
    lsns -t net -n 2>/dev/null | wc -l
    pgrep -c 'cbench-agent|qemu-system' || true
}

done_testing() {
    printf 'ok: %d checks\n' "$checks"
}
