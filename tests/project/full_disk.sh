# SPDX-License-Identifier: Apache-2.0
# A disk that is full (played by a limit on the size of files): status 1, a message that names the file, nothing half-written, and what
# was there before is as it was.
. "$HELPERS"

# its run time keeps the shadow of constants in a file, which the limit cuts off
case $(grep PCLR_SANITIZE "$BUILD"/CMakeCache.txt) in
*thread*) skip "the thread sanitizer does not run under a limit on the size of files" ;;
esac

expect 0 "$PHYSIOCLR" simulate records --records 30 --seconds 5 --seed 5
expect 0 "$PHYSIOCLR" import data.h5 records --split demo=0.5/0.25/0.25
cp data.h5 imported.h5
expect 0 "$PHYSIOCLR" features data.h5
cat >small.yaml <<'END'
encoder: {width: 4}
input: {seconds: 2.5, rate: 100}
data: {split: demo}
train: {steps: 2, batch: 4, validation_batches: 1}
END
expect 0 "$PHYSIOCLR" probe data.h5 -t dx -c small.yaml -o probe
expect 0 "$PHYSIOCLR" predict probe/model.safetensors data.h5 -o predictions.csv
ls records | wc -l >count
cp data.h5 before.h5
cp predictions.csv before.csv

# full BLOCKS FILE COMMAND...: no file may grow beyond BLOCKS x 512 bytes; FILE is what the message must name.
full() {
    blocks=$1 file=$2
    shift 2
    status=0
    (trap '' XFSZ; ulimit -f "$blocks"; exec "$PHYSIOCLR" "$@") >out 2>err </dev/null || status=$?
    [ $status = 1 ] || fail "status $status, expected 1: $*: $(tail -n 3 err)"
    has err "$file"
    left=$(find . -name '*.partial*' ! -name 'new.h5.partial*' -o -name '*.tmp*' | head -n 3)
    [ -z "$left" ] || fail "$1 leaves $left"
}

full 8 some/sim simulate some --records 2
full 64 new.h5 import new.h5 records --split demo=0.5/0.25/0.25
[ ! -e new.h5 ] || fail "import leaves half a dataset"
# Samples fit, tables do not: HDF5 must not be let into a file that cannot grow.
for room in -24 -16 -8 -2 0 2; do
    full $(($(wc -c <imported.h5) / 512 + room)) new.h5 import new.h5 records --split demo=0.5/0.25/0.25
    [ ! -e new.h5 ] && [ ! -e new.h5.frame ] || fail "import leaves half a dataset"
done
expect 0 "$PHYSIOCLR" import new.h5 records --split demo=0.5/0.25/0.25 # goes on from new.h5.partial
cmp new.h5 imported.h5 || fail "import after a full disk gives another dataset"
for room in 0 8 200; do
    full $(($(wc -c <data.h5) / 512 + room)) data.h5 features data.h5
    cmp data.h5 before.h5 || fail "features spoilt the dataset"
done
full 8 run pretrain data.h5 -o run -c small.yaml
[ ! -e run/encoder.safetensors ] || fail "pretrain leaves half an encoder"
full 8 model.safetensors probe data.h5 -t dx -c small.yaml -o other
[ ! -e other/model.safetensors ] || fail "probe leaves half a model"
full 1 predictions.csv predict probe/model.safetensors data.h5 -o predictions.csv
cmp predictions.csv before.csv || fail "predict spoilt the old predictions"
full 1 embedding.npy embed probe/model.safetensors data.h5 -o embedding.npy
full 1 marks.csv fiducials records -o marks.csv
full 1 features.csv features records -o features.csv
full 1 findings.csv check records --csv findings.csv
full 1 table.txt evaluate predictions.csv -l data.h5 -t dx -o table.txt
full 64 report.html evaluate predictions.csv -l data.h5 -t dx --report report.html
full 1 part.csv export data.h5 --record sim000000 -o part.csv
full 8 ecg.svg plot records/sim000000 -o ecg.svg
for file in embedding.npy embedding.npy.ids.txt marks.csv features.csv findings.csv table.txt report.html part.csv ecg.svg; do
    [ ! -e $file ] || fail "half of $file is left"
done

if [ -w /dev/full ]; then
    for command in version "fiducials records" "features records" "predict probe/model.safetensors records" "evaluate predictions.csv -l data.h5 -t dx"; do
        status=0
        "$PHYSIOCLR" $command >/dev/full 2>err || status=$?
        [ $status = 1 ] || fail "$command to a full device: status $status"
    done
fi
