# SPDX-License-Identifier: Apache-2.0
# The report of a comparison of a binary task: the worst errors of every system as ECGs, each recording once, and the run that lies beside a
# prediction file.
. "$HELPERS"

expect 0 "$PHYSIOCLR" simulate records --records 24 --seed 5
mkdir run
echo '{"event":"train","step":1,"loss":2}
{"event":"train","step":2,"loss":1}' >run/metrics.jsonl
echo '# What this is' >run/README.md
echo 'record_id,af' | tee labels.csv run/ours.csv >theirs.csv
k=0
for header in records/*.hea; do
    k=$((k + 1))
    id=$(basename "$header" .hea)
    label=$((k % 2))
    score=0.$((1 + 7 * label))$k
    [ $k = 1 ] && score=0.01 # both miss it
    echo "$id,$label" >>labels.csv
    echo "$id,$score" >>theirs.csv
    [ $k = 4 ] && score=0.97 # a false alarm of ours alone
    echo "$id,$score" >>run/ours.csv
done
expect 0 "$PHYSIOCLR" import data.h5 records --labels labels.csv

expect 0 "$PHYSIOCLR" compare run/ours.csv theirs.csv --labels data.h5 --task af --bootstraps 20 --examples 2 --report report.html
has out 'one class'
[ "$(grep -c 'class=ecg' report.html)" = 2 ] || fail "$(grep -c 'class=ecg' report.html) recordings drawn, 2 expected"
has report.html 'drawn above'
has report.html 'wrong too'
has report.html ', right\.'
has report.html 'ours</span>: the worst of 2 wrong calls'
has report.html 'theirs</span>: the worst of 1 wrong call<'
has report.html '<h3>ours</h3>'
has report.html 'What this is'
grep -q 'macro AUROC, 95' report.html && fail "a single class has no macro average"

expect 0 "$PHYSIOCLR" evaluate theirs.csv --labels data.h5 --task af --bootstraps 20 --specificity 0.95 --prevalence 0.02
has out 'sens. at spec. 0.95'
has out 'PPV at prev. 0.02'
has out '^present  *11  *1$'
has out '^absent  *0  *12$'
expect 2 "$PHYSIOCLR" evaluate theirs.csv --labels data.h5 --task af --title x
has err '--report'
expect 2 "$PHYSIOCLR" evaluate theirs.csv --labels data.h5 --task af --bootstraps 0
expect 2 "$PHYSIOCLR" compare run/ours.csv theirs.csv --labels data.h5 --task af --validation a --validation b --validation c
has err '3 files of validation predictions for 2 systems'
exit 0
