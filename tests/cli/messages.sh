# SPDX-License-Identifier: Apache-2.0
# Slips of a newcomer: each is told with its remedy, names the file once, and leaves nothing behind.
. "$HELPERS"

expect 0 "$PHYSIOCLR" simulate records --records 4 --seed 2
expect 0 "$PHYSIOCLR" import data.h5 records

expect 2 "$PHYSIOCLR" import new.h5 records --rate -1
has err 'rate -1 Hz'
expect 2 "$PHYSIOCLR" export data.h5 -o part.csv
has err '--record ID'
expect 2 "$PHYSIOCLR" bench --only nothing
has err 'physiology'
expect 2 "$PHYSIOCLR" pretrain data.h5 -o run --set nothing=1
has err '--keys'
for file in new.h5 part.csv run/encoder.safetensors; do
    [ ! -e $file ] || fail "$file was written"
done

first=$(ls records/*.hea | head -n 1)
expect 3 "$PHYSIOCLR" predict "$first" records
[ "$(grep -o "$first" err | wc -l)" = 1 ] || fail "the file is not named once: $(cat err)"
# What was to be read and is not there: status 3, the file named, nothing on standard output, in every command.
printf 'record_id,A\na,0.5\n' >scores.csv
printf 'record_id,A\na,1\n' >labels.csv
printf 'tasks: [A]\nobjectives: [simclr]\n' >study.yaml
while read -r line; do
    expect 3 "$PHYSIOCLR" $line
    grep -q nowhere err || fail "$line does not name the file: $(cat err)"
    [ ! -s out ] || fail "$line prints: $(cat out)"
done <<'END'
info nowhere.h5
plot nowhere.hea -o x.svg
check nowhere
fiducials nowhere
features nowhere.h5
features nowhere -o x.csv
import x.h5 nowhere
import x.h5 records --labels nowhere.csv
export nowhere.h5 -o x
pretrain nowhere.h5 -o run
pretrain data.h5 -o run -c nowhere.yaml
probe nowhere.h5 -t A --encoder e.safetensors -o run
probe data.h5 -t A --encoder nowhere.safetensors -o run
finetune nowhere.h5 -t A -o run
finetune data.h5 -t A --encoder nowhere.safetensors -o run
study nowhere.h5 -c study.yaml -o x
study data.h5 -c nowhere.yaml -o x
embed nowhere.safetensors records -o x.npy
predict nowhere.safetensors records
evaluate nowhere.csv --labels labels.csv
evaluate scores.csv --labels nowhere.csv
evaluate scores.csv --labels nowhere.h5
evaluate scores.csv --labels labels.csv --validation nowhere.csv
evaluate nowhere.safetensors --labels data.h5
compare scores.csv nowhere.csv --labels labels.csv
END

# Files that tell neither unit nor rate nor leads, given to every command that reads recordings.
awk 'BEGIN { for (k = 0; k < 3000; k++) { t = k % 250 - 100; printf "%d,%d\n", 1000 * exp(-t * t / 18), 600 * exp(-t * t / 18) } }' >bare.csv
expect 3 "$PHYSIOCLR" info bare.csv
told="--unit uV --fs 250 --lead-names I,II"
expect 0 "$PHYSIOCLR" info bare.csv $told
expect 0 "$PHYSIOCLR" fiducials bare.csv $told --leads global
[ "$(grep -c ',QRS,' out)" -ge 10 ] || fail "$(grep -c ',QRS,' out) beats in 12 s at 60 a minute"
expect 0 "$PHYSIOCLR" features bare.csv $told -o features.csv
expect 0 "$PHYSIOCLR" check bare.csv $told
expect 0 "$PHYSIOCLR" plot bare.csv $told -o bare.svg
expect 0 "$PHYSIOCLR" import bare.h5 bare.csv $told
cat >small.yaml <<'END'
encoder: {width: 4}
input: {seconds: 2.5, rate: 100, leads: "I,II"}
data: {split: default}
train: {steps: 1, batch: 2, validation_batches: 1}
objective: {name: simclr}
END
expect 0 "$PHYSIOCLR" pretrain data.h5 -o run -c small.yaml
expect 0 "$PHYSIOCLR" embed run/encoder.safetensors bare.csv $told -o bare.npy
expect 3 "$PHYSIOCLR" embed run/encoder.safetensors bare.csv -o other.npy
expect 3 "$PHYSIOCLR" embed run/encoder.safetensors nowhere -o other.npy
has err nowhere
exit 0
