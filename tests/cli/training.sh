# SPDX-License-Identifier: Apache-2.0
# The way from simulated recordings to predictions: an interrupt leaves a checkpoint, a study is taken up where it was.
. "$HELPERS"

expect 0 "$PHYSIOCLR" simulate sim --records 60 --seed 3
expect 0 "$PHYSIOCLR" import sim.h5 sim --split demo=0.6/0.2/0.2
expect 3 "$PHYSIOCLR" pretrain sim.h5 -o early
has err 'physioclr features'
expect 0 "$PHYSIOCLR" features sim.h5

cat >small.yaml <<'END'
encoder: {width: 4}
input: {seconds: 2.5}
data: {split: demo}
train: {steps: 4, batch: 8, validation_batches: 1}
finetune: {min_steps: 10, max_steps: 10, batch: 8}
END
expect 0 "$PHYSIOCLR" pretrain --keys
has out '^objective.tau'
expect 0 "$PHYSIOCLR" pretrain sim.h5 -o run -c small.yaml
for file in config.yaml metrics.jsonl checkpoint/state.safetensors encoder.safetensors README.md; do
    [ -s run/$file ] || fail "no run/$file"
done
grep -q label_agreement run/metrics.jsonl && fail "labels are compared without being asked for"
expect 0 "$PHYSIOCLR" pretrain sim.h5 -o agreement -c small.yaml --set data.labels=dx --set train.log_every=1
grep -q '"label_agreement":[0-9.e-]*,"label_chance":[0-9.e-]*' agreement/metrics.jsonl || fail "no label agreement in the log"
expect 2 "$PHYSIOCLR" pretrain sim.h5 -o run -c small.yaml --set train.batsh=4
has err 'train.batch'

# an endless run, interrupted after its first checkpoint
"$PHYSIOCLR" pretrain sim.h5 -o long -c small.yaml --set train.steps=1000000 --set train.checkpoint_every=1 2>err &
process=$!
waited=0
until [ -s long/checkpoint/state.safetensors ]; do
    sleep 0.2
    waited=$((waited + 1))
    [ $waited -lt 300 ] || fail "no checkpoint: $(cat err)"
done
kill -INT $process
status=0
wait $process || status=$?
[ "$status" = 130 ] || fail "interrupted: status $status: $(cat err)"
has err 'resume'
expect 2 "$PHYSIOCLR" pretrain sim.h5 -o long --resume --set train.learning_rate=0.5
has err 'train.learning_rate'

expect 0 "$PHYSIOCLR" probe sim.h5 -t dx -e run/encoder.safetensors --input both --label-fraction 0.5 -o probe
expect 0 "$PHYSIOCLR" finetune sim.h5 -t dx -e run/encoder.safetensors -c small.yaml -o tuned --json
has out '"best_name":"validation macro AUROC"'
# what training says of its validation part is what evaluate finds in the predictions it left
for run in probe tuned; do
    expect 0 "$PHYSIOCLR" evaluate $run/validation.csv --labels sim.h5 -t dx --split demo:validation --json
    of_training=$(grep '"event":"end"' $run/metrics.jsonl | sed 's/.*"auroc":\([0-9.]*\).*/\1/')
    has out "$(printf '%.5s' "$of_training")"
done
# the line that scripts/demo.sh reads
expect 0 "$PHYSIOCLR" evaluate probe/validation.csv --labels sim.h5 -t dx --split demo:validation
has out '^[0-9]* records of [0-9]* patients, [0-9]* of 26 classes defined$'
# boosted trees in the model file: prediction walks them as training did
status=0
"$PHYSIOCLR" probe sim.h5 -t dx --input features --set trees.rounds=30 -o trees >out 2>err || status=$?
if grep -q 'libxgboost-dev' err; then
    status=0 # built without XGBoost, and says so
else
    [ $status = 0 ] || fail "trees: $(cat err)"
    expect 0 "$PHYSIOCLR" predict trees/model.safetensors sim.h5 --split demo:validation -o of_file.csv
    sort of_file.csv | cut -c1-30 >a
    sort trees/validation.csv | cut -c1-30 >b
    [ "$(wc -l <a)" = "$(wc -l <b)" ] || fail "trees: other recordings"
    awk -F, 'NR == FNR { if ($1 != "record_id") p[$1] = $2; next }
        $1 != "record_id" && ($2 - p[$1] > 1e-5 || p[$1] - $2 > 1e-5) { bad = 1 } END { exit bad }' of_file.csv trees/validation.csv ||
        fail "trees: prediction differs from training"
fi
expect 2 "$PHYSIOCLR" probe sim.h5 -t dx --input embedding --set trees.rounds=30 -o none
has err 'trees.rounds'
expect 3 "$PHYSIOCLR" probe sim.h5 -t nonsense -o none
has err 'dx'

# a model tells its classes, where each is called and at which temperature, as its metadata has them
expect 0 "$PHYSIOCLR" info probe/model.safetensors
has out '^classes .*, called from a probability of 0.[0-9]* on$'
has out '^architecture .*name xresnet1d.*width 4'
threshold=$(strings -n 20 probe/model.safetensors | sed -n 's/.*"thresholds":"\[\([0-9.]*\).*/\1/p' | head -n 1)
[ -n "$threshold" ] || fail "no thresholds in the metadata"
expect 0 "$PHYSIOCLR" info probe/model.safetensors --json
has out "\"threshold\": $(printf '%.8s' "$threshold")"
has out '"architecture": {"name":"xresnet1d"'

# the archive and the dataset give the same recordings; a bad one is left out
expect 0 "$PHYSIOCLR" predict probe/model.safetensors sim.h5 -o dataset.csv
expect 0 "$PHYSIOCLR" predict probe/model.safetensors sim -o files.csv
[ "$(cut -d, -f1 dataset.csv | sort)" = "$(cut -d, -f1 files.csv | sort)" ] || fail "other recordings"
first=$(ls sim/*.hea | head -n 1)
rm "${first%.hea}.dat"
expect 4 "$PHYSIOCLR" predict tuned/model.safetensors sim -o part.csv
[ "$(wc -l <part.csv)" = 60 ] || fail "$(wc -l <part.csv) lines, expected a head and 59"
expect 3 "$PHYSIOCLR" predict tuned/model.safetensors sim -o part.csv --strict
expect 0 "$PHYSIOCLR" embed run/encoder.safetensors sim.h5 -o embedding.npy
[ "$(wc -l <embedding.npy.ids.txt)" = 60 ] || fail "ids: $(wc -l <embedding.npy.ids.txt)"
expect 2 "$PHYSIOCLR" predict run/encoder.safetensors sim.h5
has err 'encoder'

cat >study.yaml <<'END'
tasks: [dx]
objectives: [features, random, {name: short, objective: physioclr, set: {train.steps: 2}}]
inputs: [embedding]
fractions: [1]
seeds: [1]
set: {encoder.width: 4, input.seconds: 2.5, train.batch: 8, train.validation_batches: 1}
END
expect 0 "$PHYSIOCLR" study sim.h5 -c study.yaml -o study
[ "$(wc -l <out)" = 4 ] || fail "study: $(cat out)"
for file in study.json study.csv report.html; do
    [ -s study/$file ] || fail "no study/$file"
done
# the only physioclr arm beside the best of features and random; no pretrained rival is in the plan
grep -q '"against": "simple"' study/study.json || fail "no paired difference"
grep -q '"against": "pretrained"' study/study.json && fail "a rival out of nothing"
grep -q 'Is PhysioCLR ahead' study/report.html || fail "no paired difference on the page"
cp out first
expect 3 "$PHYSIOCLR" study sim.h5 -c study.yaml -o study --tasks dx,nonsense
has err 'nonsense'
expect 3 "$PHYSIOCLR" study sim.h5 -c study.yaml -o study --split nowhere
has err 'nowhere'
sed '/^tasks/d' study.yaml >no-tasks.yaml
expect 0 "$PHYSIOCLR" study sim.h5 -c no-tasks.yaml -o study --tasks dx
cmp out first || fail "another table from tasks on the command line"
grep -q 'cell' err && fail "a finished cell was computed again"
expect 0 "$PHYSIOCLR" study sim.h5 -c study.yaml -o study
cmp out first || fail "another table"
grep -q 'cell' err && fail "a finished cell was computed again"

# settings of the command line go over the plan's, and those of an entry over both
expect 0 "$PHYSIOCLR" study sim.h5 -c study.yaml -o set --set encoder.width=8 --set train.steps=1
grep -q 'width: *"\{0,1\}8' set/cells/pretrain-*/config.yaml || fail "--set encoder.width: $(grep width set/cells/pretrain-*/config.yaml)"
grep -q 'steps: *"\{0,1\}2' set/cells/pretrain-*/config.yaml || fail "--set train.steps: $(grep steps set/cells/pretrain-*/config.yaml)"
expect 2 "$PHYSIOCLR" study sim.h5 -c study.yaml -o set --set train.steps
has err 'KEY=VALUE'
expect 2 "$PHYSIOCLR" study sim.h5 -c study.yaml -o set --set train.step=1
has err 'train.step'

# pretrained on another archive, then going on from that; every term of the loss left out once
expect 0 "$PHYSIOCLR" simulate other --records 20 --seed 9
expect 0 "$PHYSIOCLR" import other.h5 other
expect 0 "$PHYSIOCLR" features other.h5
cat >transfer.yaml <<'END'
tasks: [dx]
objectives:
  - {name: elsewhere, objective: physioclr, pretrain: other.h5}
  - {name: continued, objective: physioclr, after: elsewhere}
fractions: [1]
seeds: [1]
set: {encoder.width: 4, input.seconds: 2.5, train.batch: 8, train.steps: 2, train.validation_batches: 1}
END
expect 0 "$PHYSIOCLR" study sim.h5 -c transfer.yaml -o transfer
[ "$(wc -l <out)" = 3 ] || fail "study: $(cat out)"
grep -l '"arm": "continued"' transfer/cells/pretrain-*/cell.json | while read -r cell; do
    initial=$(sed -n 's/^ *\(train.\)\{0,1\}initial: *//p' "$(dirname "$cell")/config.yaml" | tr -d \"\')
    grep -q '"arm": "elsewhere"' "$(dirname "$initial")/cell.json" || fail "continued from $initial"
done
# bare embeddings against each pretrained rival, beside the strongest of all
cat >rivals.yaml <<'END'
tasks: [dx]
objectives: [physioclr, simclr, vicreg]
inputs: [embedding, both]
fractions: [1]
seeds: [1]
set: {encoder.width: 4, input.seconds: 2.5, train.batch: 8, train.steps: 2, train.validation_batches: 1}
END
expect 0 "$PHYSIOCLR" study sim.h5 -c rivals.yaml -o rivals
[ "$(grep -c '"against": "embedding"' rivals/study.json)" = 2 ] || fail "not one difference for each rival"
grep -q '"rival": "vicreg (probe, embedding)"' rivals/study.json || fail "no difference to vicreg by embedding"
[ "$(grep -c '"against": "pretrained"' rivals/study.json)" = 1 ] || fail "not one strongest rival"
grep -q 'PhysioCLR against each pretrained rival' rivals/report.html || fail "no such table on the page"
expect 0 "$PHYSIOCLR" study sim.h5 -c transfer.yaml -o transfer --ablation
[ "$(wc -l <out)" = 12 ] || fail "ablation: $(cat out)"
grep -q 'without peak term' out || fail "no arm without the peak term"
grep -q 'AUROC by class' transfer/report.html || fail "no table of classes"
sed 's/after: elsewhere/after: nowhere/' transfer.yaml >wrong.yaml
expect 2 "$PHYSIOCLR" study sim.h5 -c wrong.yaml -o wrong
has err 'nowhere'
expect 2 "$PHYSIOCLR" pretrain sim.h5 -c small.yaml -o other-width --set encoder.width=8 --set train.initial=run/encoder.safetensors
has err 'network'
exit 0
