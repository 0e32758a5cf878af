# shellcheck shell=bash
# Shared by the checks of this folder, beside what the end-to-end tests share. They run in the test host, and by
# scripts/check-kvm on any machine that has a KVM.
. "$(dirname "$0")/../../e2e/lib.sh"
need_root

# Set where the host is the emulated one, of which more is known than of others.
in_testhost() {
    [ -n "${IN_TESTHOST:-}" ]
}

# What the virtual machines of this machine must run under; a KVM that cannot boot is none.
class_pattern() {
    if in_testhost; then echo kvm-nested; else echo 'kvm-(hardware|nested)'; fi
}

# jqt FILTER [OPTION]...: is it true of the last run?
jqt() {
    local filter=$1
    shift
    check jq -e "$@" "$filter" "$CBENCH_HOME/latest/run.json" >/dev/null
}

# consult COMMAND...: asks doctor, for says.
consult() {
    expect_code 0 "$@" doctor --json
    jq -r '.[] | [.check, .state, .text] | join(": ")' "$dir/out" | tee "$dir/doctor"
}

# says CHECK STATE PATTERN
says() {
    check grep -qE "^$1: $2: .*$3" "$dir/doctor"
}

# keep_run NAME: the report and what belongs to it stay in $KEEP, where that is set.
keep_run() {
    [ -n "${KEEP:-}" ] || return 0
    mkdir -p "$KEEP/$1"
    cp "$CBENCH_HOME/latest"/{run.json,report.md,log.txt} "$KEEP/$1/"
}

