# SPDX-License-Identifier: Apache-2.0
# An independent script recomputes every number of evaluations, comparisons and their reports on a small case.
# PCLR_PYTHON: the interpreter; SKIP where it or a package is missing.
. "$HELPERS"

python=${PCLR_PYTHON:-python3}
command -v "$python" >/dev/null || skip "no $python"
"$python" -c 'import numpy, scipy, sklearn' 2>/dev/null || skip "$python has no NumPy, SciPy and scikit-learn"
case=$SOURCE/tests/oracles/report_case
recompute() {
    expect "$1" "$python" "$SOURCE"/tests/oracles/recompute_report.py "$2" --labels "$case"/labels.csv $3
}

expect 0 "$PHYSIOCLR" compare "$case"/a.csv "$case"/b.csv --labels "$case"/labels.csv --split part:test --allow-missing \
    --bootstraps 100 --seed 3 --prevalence 0.1 --csv compare.csv --report compare.html --json -o compare.json
recompute 0 compare.json "$case/a.csv $case/b.csv --csv compare.csv --html compare.html"
has out ' 0 differ'

# of one class the averages are the class, its interval and its test too
expect 0 "$PHYSIOCLR" compare "$case"/a.csv "$case"/b.csv --labels "$case"/labels.csv --split part:test --allow-missing --classes rare \
    --bootstraps 30 --csv one.csv --report one.html --json -o one.json
recompute 0 one.json "$case/a.csv $case/b.csv --csv one.csv --html one.html"

# the script notices a changed digit
sed 's/"true_positives": [0-9]*/"true_positives": 1/' compare.json >changed.json
recompute 1 changed.json "$case/a.csv $case/b.csv"
has out 'true_positives'

expect 0 "$PHYSIOCLR" evaluate "$case"/a.csv --labels "$case"/labels.csv --split part:test --interval percentile --stratified --bootstraps 100 \
    --csv evaluate.csv --report evaluate.html --json -o evaluate.json
recompute 0 evaluate.json "$case/a.csv --csv evaluate.csv --html evaluate.html"

for level in "" --segments; do
    expect 0 "$PHYSIOCLR" evaluate "$case"/segments.csv --labels "$case"/labels.csv --bootstraps 50 --thresholds 0.4 $level --json -o segments.json
    recompute 0 segments.json "$case/segments.csv"
done
