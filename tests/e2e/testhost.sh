#!/bin/bash
# needs: host container vm
# seconds: 900
# The checks of tests/testhost/inside on an emulated machine with systemd, cgroup v2 and a KVM.
set -eu
exec "${SOURCE:-$(dirname "$0")/../..}/tests/testhost/run"
