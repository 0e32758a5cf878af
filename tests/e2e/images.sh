#!/bin/bash
# Images are what other programs take them for: skopeo reads them, umoci unpacks them, a registry takes in what an update
# is said to move and not a byte more. And the benchmarks of images leave nothing behind.
# needs: host container
# seconds: 300
. "$(dirname "$0")/lib.sh"

build=$(readlink -f "$(dirname "$cbench")/..")
layout=$dir/layout
registry_pid=

end_registry() {
    [ -z "$registry_pid" ] || kill "$registry_pid" 2>/dev/null || true
    registry_pid=
}
trap 'end_registry; cleanup' EXIT

for tool in skopeo umoci docker-registry jq; do
    command -v "$tool" >/dev/null || skip "$tool is not installed (scripts/bootstrap --test)"
done

# What skopeo remembers of blobs between runs would stay in /var/lib/containers, were it not told that it is no root.
export _CONTAINERS_ROOTLESS_UID=1 XDG_DATA_HOME=$dir/data

skopeo_quietly() {
    skopeo --insecure-policy "$@" >"$dir/skopeo" 2>&1 || {
        cat "$dir/skopeo" >&2
        fail "skopeo $*"
    }
}

# --- the layout, as others read it

"$build/tests/unit/layout" "$layout" "$agent" >"$dir/sizes"
first=$(sed -n 's/^first //p' "$dir/sizes") updated=$(sed -n 's/^updated //p' "$dir/sizes")
"$build/tests/unit/layout" "$dir/again" "$agent" >/dev/null
check diff -r "$layout" "$dir/again" # the same payload, the same bytes

check [ "$(skopeo inspect "oci:$layout:first" | jq '.Layers | length')" = 3 ]
check [ "$(skopeo inspect "oci:$layout:updated" | jq '.Layers | length')" = 4 ]
check [ "$(skopeo inspect --config "oci:$layout:updated" | jq -r '.history[3].created_by')" = update ]

unpack() {
    local rootless=()
    [ "$(id -u)" = 0 ] || rootless=(--rootless)
    umoci unpack "${rootless[@]}" --image "$layout:$1" "$dir/$1" >"$dir/umoci" 2>&1 || fail "umoci: $(cat "$dir/umoci")"
}
unpack first
unpack updated
check cmp "$dir/updated/rootfs/app/bin/cbench-agent" "$agent"
check [ -e "$dir/first/rootfs/usr/lib/lib000.so.1" ]
diff -rq "$dir/first/rootfs" "$dir/updated/rootfs" >"$dir/changed" || true
check [ "$(wc -l <"$dir/changed")" = 2 ]
check grep -q 'first/rootfs/usr/lib: lib000.so.1$' "$dir/changed"
check grep -q 'updated/rootfs/usr/lib: lib000.so.2$' "$dir/changed"

# --- a real registry, on a port of its own choice

cat >"$dir/registry.yml" <<YML
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: $dir/registry}}
http: {addr: "127.0.0.1:0"}
YML
docker-registry serve "$dir/registry.yml" >"$dir/registry.log" 2>&1 &
registry_pid=$!
for _ in $(seq 100); do
    address=$(sed -nE 's/.*listening on (127\.0\.0\.1:[0-9]+).*/\1/p' "$dir/registry.log")
    [ -z "$address" ] || break
    sleep 0.1
done
[ -n "$address" ] || fail "no registry: $(tail -n 3 "$dir/registry.log")"

# Bytes of all blobs that it keeps; manifests are among them.
stored() {
    find "$dir/registry" -path '*/blobs/*' -name data -printf '%s\n' 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 }'
}

push() {
    skopeo_quietly copy --dest-tls-verify=false "oci:$layout:$1" "docker://$address/payload:$1"
}
push first
check [ "$(stored)" = "$first" ]
push updated
check [ "$(($(stored) - first))" = "$updated" ]
check [ "$((updated * 10))" -lt "$first" ]
push updated # is there
check [ "$(($(stored) - first))" = "$updated" ]

skopeo_quietly copy --src-tls-verify=false "docker://$address/payload:updated" "oci:$dir/pulled:updated"
check [ "$(jq -r '.manifests[0].digest' "$dir/pulled/index.json")" = \
    "$(jq -r '.manifests[] | select(.annotations[] == "updated").digest' "$layout/index.json")" ]
end_registry

# --- the benchmarks

need_root
measured "$cbench" run --arm host --arm host2 --arm container --bench 'image.*@full' --blocks 2 --seed 5
run=$(readlink "$CBENCH_HOME/latest")
json=$CBENCH_HOME/$run/run.json
nothing_left "$run"
check [ -z "$(losetup -l -n -O BACK-FILE | grep -F "$run")" ]
# What the container moves for the update of a library is what the registry took in.
moved='.name == "image.update.bytes" and .arm == "container" and .params.change == "library" and .params.form == "layer"'
check jq -e --argjson bytes "$updated" "[.metrics[] | select($moved).value * 1048576 | round] == [\$bytes]" "$json" >/dev/null
# What is not to be had is skipped, and says so.
check jq -e '[.metrics[] | select(.params.how == "aufs" and .arm == "container") | .outcome, .reason] |
    .[0] == "skipped" and (.[1] | test("aufs"))' "$json" >/dev/null
done_testing
