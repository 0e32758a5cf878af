#!/bin/bash
# The bash completion offers what the program has.
# needs: none
set -eu

PATH=$(dirname "$CBENCH"):$PATH
. "$SOURCE/scripts/completion/cbench.bash"

# offers EXPECTED WORD...: completing the last word offers EXPECTED, among others.
offers() {
    local expected=$1
    shift
    COMP_WORDS=(cbench "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    _cbench
    [[ " ${COMPREPLY[*]} " == *" $expected "* ]] || {
        echo "cbench $*: no $expected in: ${COMPREPLY[*]}"
        exit 1
    }
}

offers run ""
offers --version --v
offers --bench run --b
offers mem.chase run --bench mem.
offers fs.meta,mem.chase run --bench fs.meta,mem.
offers mem.chase run --bench = mem.
offers container run --arm ""
offers host2 run --arm h
offers container run --ladder ""
offers metrics list m
offers ladders list l
offers latest report la
offers json,md report x --format json,m
offers --dry-run gc --
