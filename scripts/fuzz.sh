#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every libFuzzer harness for a minute (or FUZZ_SECONDS) from its seed corpus.
set -eu
seconds=${FUZZ_SECONDS:-60}
cmake --preset fuzz >/dev/null
cmake --build build-fuzz --target fuzzers
for harness in build-fuzz/fuzz_*; do
    [ -x "$harness" ] && [ -f "$harness" ] || continue
    name=$(basename "$harness")
    corpus=build-fuzz/corpus/$name
    mkdir -p "$corpus"
    echo "$name: $seconds s"
    "$harness" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 "$corpus" 2>&1 | grep -E 'stat::|ERROR|SUMMARY' || true
    if ls crash-* oom-* timeout-* >/dev/null 2>&1; then
        echo "$name: found a failing input" >&2
        exit 1
    fi
done
