#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD: every benchmark, peers included where their Python packages are, into BUILD/bench.json and a table on standard output.
# PYTHON names the interpreter that has numpy, wfdb, neurokit2, sleepecg, torch (any of them).
set -eu
build=$1
here=$(dirname "$0")
results=$build/bench/results
rm -rf "$results"
mkdir -p "$results"

echo "physioclr bench" >&2
"$build"/physioclr bench --json -o "$results"/physioclr.json
for program in "$build"/bench/bench_*; do
    [ -x "$program" ] || continue
    name=$(basename "$program")
    echo "$name" >&2
    "$program" >"$results/$name.json"
done
if command -v "${PYTHON:-python3}" >/dev/null; then
    echo "peers" >&2
    "$build"/physioclr simulate "$build"/bench/records --records 40 --seed 1 --quiet
    "${PYTHON:-python3}" "$here"/peers.py "$build"/bench/records >"$results"/peers.json
fi
"$build"/bench/collect "$build"/bench.json "$results"/*.json
