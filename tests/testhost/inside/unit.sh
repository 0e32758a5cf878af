#!/bin/bash
# The suites whose subject is another one with cgroup v2.
. "$(dirname "$0")/lib.sh"

export CB_MUST_RUN=host,container,vm
for suite in test_cgroup test_container; do
    check "$(dirname "$cbench")/../tests/unit/$suite"
done
done_testing
