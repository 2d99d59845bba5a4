#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh PROGRAM FOLDER: the whole path on simulated hearts, in about three minutes on two cores: simulate, import, features,
# pretraining without labels, then classifiers of 10 % of the labels on four kinds of input, and their AUROC on records of other patients.
set -eu
program=$1
folder=$2
configs=$(dirname "$0")/../configs
task=dx
fraction=0.1

rm -rf "$folder"
mkdir -p "$folder"
begin=$(date +%s)

say() {
    printf '%4d s  %s\n' "$(($(date +%s) - begin))" "$*" >&2
}

# classify NAME INPUT [ENCODER]: a linear classifier of the labelled tenth, its predictions of the test records, their evaluation.
classify() {
    say "classifier: $1"
    "$program" probe "$folder"/data.h5 --task $task --label-fraction $fraction --input "$2" ${3:+--encoder "$3"} \
        -c "$configs"/demo.yaml -o "$folder/$1" --quiet >"$folder/$1.log"
    "$program" predict "$folder/$1"/model.safetensors "$folder"/data.h5 -o "$folder/$1.csv" --quiet
    "$program" evaluate "$folder/$1.csv" --labels "$folder"/data.h5 --task $task --split demo:test --quiet -o "$folder/$1.txt"
}

say "800 recordings of about 530 simulated patients"
"$program" simulate "$folder"/records --records 800 --seed 1 --quiet
say "import into one dataset, patients divided 60 : 15 : 25"
"$program" import "$folder"/data.h5 "$folder"/records --split demo=0.6/0.15/0.25 --quiet >"$folder"/import.log
say "beats, waves and 150 features of every 5-s segment"
"$program" features "$folder"/data.h5 --quiet >"$folder"/features.log
say "pretraining by physiology, labels unused"
"$program" pretrain "$folder"/data.h5 -c "$configs"/demo.yaml -o "$folder"/pretrain >"$folder"/pretrain.log

encoder=$folder/pretrain/encoder.safetensors
classify random embedding
classify features features
classify physioclr embedding "$encoder"
classify both both "$encoder"

say "report"
"$program" compare "$folder"/physioclr.csv "$folder"/both.csv "$folder"/features.csv "$folder"/random.csv --labels "$folder"/data.h5 \
    --task $task --split demo:test --quiet -o "$folder"/comparison.txt --report "$folder"/report.html --run "$folder"/pretrain

row() {
    printf '  %-44s %s\n' "$2" "$(sed -n 's/^macro AUROC  *//p' "$folder/$1.txt")"
}

# a line like: 184 records of 122 patients, 18 of 26 classes defined
classes=$(sed -n 's/^[0-9]* records of [0-9]* patients, \([0-9]*\) .*/\1/p' "$folder"/physioclr.txt)
records=$(sed -n 's/ records of .*//p' "$folder"/physioclr.txt)
[ -n "$classes" ] && [ -n "$records" ] || { echo "demo: $folder/physioclr.txt does not tell records and classes" >&2 && exit 1; }
echo
echo "Macro AUROC of $classes diagnoses and rhythms on $records test records [95 % interval over patients]; linear classifiers of 10 % of the labels:"
row random "random encoder"
row features "150 physiological features"
row physioclr "encoder pretrained by physiology"
row both "the same encoder and the features"
echo
echo "In $(($(date +%s) - begin)) s. Open $folder/report.html for curves, comparisons and example recordings."
