# shellcheck shell=bash
# Completion of cbench for bash. Commands, options and names come from the program itself: there is no list here
# that could go stale.

# The program behind the typed word: scripts/cbench would set the machine up first, so its build is asked.
_cbench_program() {
    local typed=${COMP_WORDS[0]}
    case $typed in
    */scripts/cbench | scripts/cbench) typed=$(dirname "$typed")/../build/cli/cbench ;;
    esac
    command -v "$typed"
}

# First column of `cbench list WHAT`.
_cbench_names() {
    "$1" list "$2" 2>/dev/null | awk '{ print $1 }'
}

# _cbench_options PROGRAM COMMAND: its long options, out of its help.
_cbench_options() {
    "$1" "$2" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u
}

_cbench_commands() {
    "$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'
    echo --help --version
}

# Words that can follow option $3 of command $2.
_cbench_values() {
    case $2:$3 in
    run:--arm | selftest:--arm) _cbench_names "$1" arms && echo host2 ;;
    run:--ladder) _cbench_names "$1" ladders | sort -u ;;
    run:--bench | selftest:--bench) _cbench_names "$1" benchmarks ;;
    verify:--run) echo latest ;;
    report:--format) echo html md json csv term all ;;
    *) return 1 ;;
    esac
}

_cbench() {
    local program command=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}
    local kept='' words
    program=$(_cbench_program) || return 0
    # "--arm=ho" arrives as three words.
    if [ "$current" = = ]; then
        current=
    elif [ "$option" = = ]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [ "$COMP_CWORD" = 1 ]; then
        words=$(_cbench_commands "$program")
    elif words=$(_cbench_values "$program" "$command" "$option"); then
        # A list: what is before the last comma stays.
        case $current in *,*) kept=${current%,*}, ;; esac
    elif [[ $current == -* ]]; then
        words=$(_cbench_options "$program" "$command")
    elif [ "$command" = list ]; then
        words='benchmarks sets arms ladders metrics figures'
    elif [ "$command" = report ] || [ "$command" = audit ]; then
        words=latest
    fi
    mapfile -t COMPREPLY < <(compgen -P "$kept" -W "$words" -- "${current#"$kept"}")
}

complete -o default -F _cbench cbench
