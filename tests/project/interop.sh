# SPDX-License-Identifier: Apache-2.0
# h5py, NumPy, safetensors and wfdb open what the program writes, and the Python package gives what the program gives.
# PCLR_PYTHON: the interpreter; SKIP where it or a package is missing.
. "$HELPERS"

python=${PCLR_PYTHON:-python3}
command -v "$python" >/dev/null || skip "no $python"
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no NumPy"

expect 0 "$PHYSIOCLR" simulate records --records 12 --seed 5
expect 0 "$PHYSIOCLR" import data.h5 records --split demo=0.5/0.5/0
expect 0 "$PHYSIOCLR" features data.h5
expect 0 "$PHYSIOCLR" features records -o features.csv
expect 0 "$PHYSIOCLR" fiducials records --leads all -o marks.csv
expect 0 "$PHYSIOCLR" fiducials records --leads global --atr pclr --folder marks -o global.csv
tail -n +2 global.csv >>marks.csv
cat >small.yaml <<'END'
encoder: {width: 4}
input: {seconds: 2.5, rate: 100}
data: {split: demo}
train: {steps: 2, batch: 4, validation_batches: 1}
END
expect 0 "$PHYSIOCLR" pretrain data.h5 -o run -c small.yaml
expect 0 "$PHYSIOCLR" probe data.h5 -t dx -e run/encoder.safetensors --input both -o probe
expect 0 "$PHYSIOCLR" embed run/encoder.safetensors records -o embedding.npy
expect 0 "$PHYSIOCLR" predict probe/model.safetensors records -o predictions.csv

library=$(find "$BUILD" -maxdepth 1 -name libphysioclr.so)
case $(grep PCLR_SANITIZE "$BUILD"/CMakeCache.txt) in *address* | *thread*) library= ;; esac # python has no sanitizer's run time
if [ -n "$library" ]; then
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$SOURCE/python PHYSIOCLR_LIBRARY=$library expect 0 "$python" "$SOURCE"/tests/python/package.py .
fi
status=0
"$python" "$SOURCE"/tests/python/interop.py . || status=$?
exit $status
