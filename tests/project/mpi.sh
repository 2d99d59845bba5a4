# SPDX-License-Identifier: Apache-2.0
# Pretraining by several processes is the pretraining of one: the same losses with the same batch. It is repeated and resumed bit for
# bit, a process that dies ends the run with its checkpoint whole, and what one process cannot do is told once.
. "$HELPERS"

command -v mpirun >/dev/null 2>&1 || skip "no mpirun (package openmpi-bin)"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# more processes than processors, which then share them; containers forbid the copy from process to process
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none
mpirun -n 2 true >/dev/null 2>err || skip "mpirun does not run here: $(head -n 1 err)"

expect 0 "$PHYSIOCLR" simulate records --records 40 --seconds 15 --seed 6
expect 0 "$PHYSIOCLR" import data.h5 records
cat >small.yaml <<'END'
encoder: {width: 4, dropout: 0}
input: {seconds: 2.5, rate: 100}
objective: {queue: 12, regression: 0.5, projection: 8, projection_hidden: 16}
train: {steps: 10, batch: 8, log_every: 1, validate_every: 5, validation_batches: 2, checkpoint_every: 2, threads: 1, precision: fp32}
END
if ! "$PHYSIOCLR" version | grep -q 'processes: MPI'; then
    expect 3 mpirun -n 2 "$PHYSIOCLR" pretrain data.h5 -o run -c small.yaml --set objective.name=simclr
    has err 'built without Open MPI'
    skip "built without Open MPI (package libopenmpi-dev)"
fi
expect 0 "$PHYSIOCLR" features data.h5

# together PROCESSES RUN [OPTION...]
together() {
    processes=$1
    run=$2
    shift 2
    expect 0 mpirun -n "$processes" "$PHYSIOCLR" pretrain data.h5 -o "$run" -c small.yaml "$@"
}

# same_curve RUN RUN STEPS: all losses of training and validation agree to 1e-4 (in fp32: the parts of a batch are added in another order), as do
# the terms of the loss, whose sum may come near 0
same_curve() {
    for run in $1 $2; do
        grep -E '"event":"(train|validation)"' $run/metrics.jsonl | grep -o '"[a-z_]*":[^,}]*' | tr -d '"' |
            grep -E '^(event|step|loss|contrastive|global|peak|regression|invariance|variance|covariance|masked|cmsc|positives):' >$run/curve
    done
    [ "$(grep -c '^event:train' $1/curve)" = "$3" ] || fail "$1: $(grep -c '^event:train' $1/curve) steps"
    paste -d: $1/curve $2/curve | awk -F: -v runs="$1 $2" '
        $1 != $3 || ($1 == "event" && $2 != $4) { print runs ": other lines: " $0; bad = 1 }
        $1 != "event" { d = $2 - $4; d = d < 0 ? -d : d; s = $2 < 0 ? -$2 : $2
            if (d > 1e-4 * s + 5e-6) { print runs ": " $0; bad = 1 } }
        END { exit bad }' || fail "the losses differ"
}

# the residual network has batch norm, whose statistics are those of all processes
expect 0 "$PHYSIOCLR" pretrain data.h5 -o alone -c small.yaml
together 2 two
together 4 four
same_curve alone two 10
same_curve alone four 10
grep -q '"processes":4' four/metrics.jsonl || fail "the processes are not logged: $(tail -n 1 four/metrics.jsonl)"
[ "$(grep -c 'steps in' out)" = 1 ] || fail "more than one process speaks: $(cat out)"
together 2 again
cmp two/encoder.safetensors again/encoder.safetensors || fail "two runs of two processes differ"

for options in objective.neighbours=top_k objective.neighbours=soft objective.contrastive=official; do
    options="--set $options --set train.steps=3 --set train.checkpoint_every=100"
    expect 0 "$PHYSIOCLR" pretrain data.h5 -o alone.kind -c small.yaml $options
    together 2 two.kind $options
    same_curve alone.kind two.kind 3
done
expect 2 mpirun -n 2 "$PHYSIOCLR" pretrain data.h5 -o none -c small.yaml --set objective.neighbours=quantile
has err 'objective.neighbours quantile'

for objective in simclr vicreg cmsc 3kg mae feature_regression wav2vec2_cmsc; do
    options="--set objective.name=$objective --set objective.regression=0 --set train.steps=3 --set train.checkpoint_every=100"
    [ $objective != wav2vec2_cmsc ] || options="$options --set encoder.name=s4"
    expect 0 "$PHYSIOCLR" pretrain data.h5 -o $objective.alone -c small.yaml $options
    together 2 $objective.two $options
    same_curve $objective.alone $objective.two 3
done
options="--set objective.name=cpc --set encoder.name=s4 --set encoder.causal=true --set train.steps=2 --set objective.cpc_steps=4"
expect 0 "$PHYSIOCLR" pretrain data.h5 -o cpc.alone -c small.yaml $options
together 2 cpc.two $options
same_curve cpc.alone cpc.two 2

# a process is killed after a checkpoint: mpirun fails, the checkpoint goes on as if nothing had happened
cat >told.sh <<'END'
echo $$ >pid.$OMPI_COMM_WORLD_RANK
exec "$PHYSIOCLR" pretrain data.h5 -o killed -c small.yaml
END
rm -rf killed
mpirun -n 2 sh told.sh >out 2>err </dev/null &
all=$!
waited=0
while [ ! -s killed/checkpoint/state.safetensors ] && kill -0 $all 2>/dev/null; do
    sleep 0.02
    waited=$((waited + 1))
    [ $waited -lt 6000 ] || fail "no checkpoint: $(cat err)"
done
if kill -9 "$(cat pid.1)" 2>/dev/null; then
    status=0
    wait $all || status=$?
    [ $status != 0 ] || [ -e killed/encoder.safetensors ] || fail "a process was killed, and mpirun is content"
    waited=0
    while kill -0 "$(cat pid.0)" 2>/dev/null; do # mpirun asks it to end, and a second later makes it
        sleep 0.1
        waited=$((waited + 1))
        [ $waited -lt 100 ] || fail "the other process lives on"
    done
else
    wait $all || fail "$(cat err)"
fi
cp -r killed alone_after
if [ -e killed/encoder.safetensors ]; then
    echo "pretraining had ended before a process could be killed"
else
    together 2 killed --resume
    expect 0 "$PHYSIOCLR" pretrain data.h5 -o alone_after -c small.yaml --resume
    same_curve two alone_after 10
fi
cmp killed/encoder.safetensors two/encoder.safetensors || fail "the encoder differs after a kill"

# mpirun passes SIGUSR1 on: a checkpoint, and the status of an interrupt
mpirun -n 2 "$PHYSIOCLR" pretrain data.h5 -o told -c small.yaml --set train.steps=1000000 >out 2>err </dev/null &
all=$!
waited=0
while [ ! -s told/metrics.jsonl ]; do
    sleep 0.05
    waited=$((waited + 1))
    [ $waited -lt 1200 ] || fail "no step: $(cat err)"
done
kill -USR1 $all
status=0
wait $all || status=$?
[ $status = 130 ] || fail "interrupted: status $status: $(cat err)"
[ "$(grep -c 'go on with --resume' err)" = 1 ] && [ -s told/checkpoint/state.safetensors ] || fail "no checkpoint: $(cat err)"

# faults of all, and of one
expect 2 mpirun -n 4 "$PHYSIOCLR" pretrain data.h5 -o none -c small.yaml --set train.batch=12
[ "$(grep -c 'multiple of 8' err)" = 1 ] || fail "not told once: $(cat err)"
expect 0 "$PHYSIOCLR" import other.h5 records
cat >astray.sh <<'END'
[ $OMPI_COMM_WORLD_RANK = 0 ] || data=$1
exec "$PHYSIOCLR" pretrain ${data:-data.h5} -o none -c small.yaml
END
expect 3 mpirun -n 2 sh astray.sh other.h5
[ "$(grep -c 'process 1: .*physioclr features' err)" = 1 ] || fail "not told once: $(cat err)"
expect 0 "$PHYSIOCLR" features other.h5 --layout rich
expect 3 mpirun -n 2 sh astray.sh other.h5
[ "$(grep -c 'process 1: the [a-z ]* differs' err)" = 1 ] || fail "not told once: $(cat err)"
[ ! -e none/encoder.safetensors ] || fail "an encoder in spite of it"
exit 0
