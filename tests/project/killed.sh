# SPDX-License-Identifier: Apache-2.0
# kill -9 in the middle of import, features and pretraining: no half-written result, and the command, typed again, ends as if it had
# never been disturbed.
. "$HELPERS"

# killed FILE COMMAND...: the program is killed as soon as FILE is there and not empty (or has ended by then).
killed() {
    awaited=$1
    shift
    "$PHYSIOCLR" "$@" >out 2>err </dev/null &
    process=$!
    waited=0
    while [ ! -s "$awaited" ] && kill -0 $process 2>/dev/null; do
        sleep 0.02
        waited=$((waited + 1))
        [ $waited -lt 6000 ] || fail "no $awaited: $(cat err)"
    done
    kill -9 $process 2>/dev/null || true
    wait $process || true
}

expect 0 "$PHYSIOCLR" simulate records --records 60 --seconds 30 --seed 6
expect 0 "$PHYSIOCLR" import whole.h5 records --split demo=0.6/0.2/0.2

mkdir twice
killed twice/data.h5.partial import twice/data.h5 records --split demo=0.6/0.2/0.2
[ ! -e twice/data.h5 ] || cmp twice/data.h5 whole.h5 || fail "import left half a dataset under the dataset's name"
expect 0 "$PHYSIOCLR" import twice/data.h5 records --split demo=0.6/0.2/0.2
cmp twice/data.h5 whole.h5 || fail "the dataset differs after a kill"

cp whole.h5 before.h5
killed whole.h5.partial features whole.h5
expect 0 "$PHYSIOCLR" info whole.h5
cmp whole.h5 before.h5 || expect 0 "$PHYSIOCLR" probe whole.h5 -t dx --input features -o probe # neither old nor new?
expect 0 "$PHYSIOCLR" features whole.h5
[ ! -e whole.h5.partial ] || fail "a partial file is left"

cat >small.yaml <<'END'
encoder: {width: 4}
input: {seconds: 2.5, rate: 100}
data: {split: demo}
train: {steps: 12, batch: 4, checkpoint_every: 2, validation_batches: 1, threads: 1}
END
expect 0 "$PHYSIOCLR" pretrain whole.h5 -o straight -c small.yaml
killed run/checkpoint/state.safetensors pretrain whole.h5 -o run -c small.yaml
if [ -e run/encoder.safetensors ]; then
    echo "pretraining had ended before it could be killed"
else
    expect 0 "$PHYSIOCLR" pretrain whole.h5 -o run --resume
fi
cmp run/encoder.safetensors straight/encoder.safetensors || fail "the encoder differs after a kill"
