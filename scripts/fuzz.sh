#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz preset and runs every libFuzzer harness for a minute (FUZZ_SECONDS), or only those named.
# Seeds come from fuzz/seeds/NAME/, what was learnt stays in build-fuzz/corpus/NAME/, failing inputs in build-fuzz/found/.
set -eu
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}

command -v clang >/dev/null || {
    echo "fuzzing needs clang with libFuzzer: apt-get install clang libclang-rt-14-dev libomp-14-dev" >&2
    exit 1
}
cmake --preset fuzz -DCMAKE_MESSAGE_LOG_LEVEL=WARNING
cmake --build build-fuzz --parallel "$(nproc)" --target fuzzers
mkdir -p build-fuzz/found
[ $# -gt 0 ] || set -- $(ls fuzz/*.c | xargs -n 1 basename -s .c)

status=0
for name in "$@"; do
    corpus=build-fuzz/corpus/$name
    mkdir -p "$corpus"
    seeds=fuzz/seeds/$name
    [ -d "$seeds" ] || seeds=
    log=build-fuzz/$name.log
    if build-fuzz/fuzz/fuzz_"$name" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -artifact_prefix=build-fuzz/found/"$name"- \
        -print_final_stats=1 "$corpus" $seeds >"$log" 2>&1; then
        echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s, nothing found"
    else
        tail -n 30 "$log"
        echo "$name: FAILED, input in build-fuzz/found/" >&2
        status=1
    fi
done
exit $status
