#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD: every benchmark, peers included where their Python packages are, into BUILD/bench.json and a table on standard output.
# PYTHON (or PCLR_PYTHON) names the interpreter that has wfdb, sleepecg, neurokit2, scikit-learn (any of them); networks beside PyTorch: make bench-peers.
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
python=${PYTHON:-${PCLR_PYTHON:-python3}}
if command -v "$python" >/dev/null; then
    echo "peers" >&2
    "$python" "$here"/peers.py "$build" --only read --only r_peaks --only fiducials --only features --only bootstrap \
        -o "$results"/peers.json >/dev/null
fi
"$build"/bench/collect "$build"/bench.json "$results"/*.json
