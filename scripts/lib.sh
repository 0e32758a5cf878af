# shellcheck shell=bash
# Sourced by the scripts of this folder: what more than one of them needs.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# 4 is "unfit environment" among the exit codes of cbench.
die() {
    say "$*"
    exit 4
}

# quietly COMMAND...: its output is shown only when it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ "$status" = 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$status"
}

# configure DIR [CMAKE OPTION]...: once; again when the options or the tree's place have changed.
configure() {
    local dir=$1 wanted
    shift
    wanted="$root $*"
    if [ ! -f "$dir/build.ninja" ] || [ "$wanted" != "$(cat "$dir/configured-as" 2>/dev/null)" ]; then
        quietly cmake --fresh -G Ninja -S "$root" -B "$dir" "$@" || return
        printf '%s\n' "$wanted" >"$dir/configured-as"
    fi
}

# build DIR TARGET...: silent unless it fails.
build() {
    local dir=$1
    shift
    quietly cmake --build "$dir" --parallel "$(nproc)" --target "$@"
}

# Under sudo, what is built in the tree belongs to the user who called it.
give_back() {
    if [ "$(id -u)" = 0 ] && [ -n "${SUDO_UID:-}" ] && [ -e "$1" ]; then
        chown -R --no-dereference "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$1"
    fi
}
