#!/bin/bash
# Every command and every option that the program's own help names is in the man page, and no other.
# needs: none
set -eu

page=$SOURCE/docs/man/cbench.1
status=0

complain() {
    echo "$*"
    status=1
}

commands() {
    "$CBENCH" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'
}

# argp's own options have no text of their own in the page.
options() {
    "$CBENCH" "$1" --help | grep -oE -- '--[a-z][a-z-]*' | grep -vxE -- '--(help|usage|version)' | sort -u
}

diff <(commands | sort) <(sed -n 's/^\.Ss cbench //p' "$page" | sort) || complain "commands: program < > man page"
for command in $(commands); do
    # The synopsis of a command is what stands between its name and the next .Nm.
    diff <(options "$command") <(sed -n "/^\.Cm $command\$/,/^\.Nm/p" "$page" | grep -oE -- 'Fl -[a-z-]+' |
        sed 's/^Fl -/--/' | sort -u) || complain "$command: program < > man page"
done
exit $status
