#!/bin/bash
# What `cmake --install` puts in place runs from any folder, with the agent, man page and completion of its own.
# needs: host
set -eu

prefix=$PWD/prefix
cmake --install "$BUILD" --prefix "$prefix" >/dev/null
for file in share/man/man1/cbench.1 share/bash-completion/completions/cbench libexec/cbench/guest-kernel; do
    [ -s "$prefix/$file" ] || { echo "not installed: $file" && exit 1; }
done

mkdir elsewhere
cd elsewhere
"$prefix/bin/cbench" --version
"$prefix/bin/cbench" run --arm host --bench ctl.syscall --blocks 1 || [ $? = 4 ] # a noisy machine is no fault of it
jq -e --arg sha "$(sha256sum <"$prefix/libexec/cbench/cbench-agent" | cut -d ' ' -f 1)" \
    '.run.agent_sha256 == $sha and .arms[0].agent_sha256 == $sha and (.metrics | length) > 0' \
    cbench-results/latest/run.json
