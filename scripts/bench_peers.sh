#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench_peers.sh BUILD [OPTION...]: makes BUILD/peers, a Python environment with the peers, and runs bench/peers.py in it.
# PYTHON=/path/to/python: use that one, which has them already.
set -eu
build=$1
here=$(dirname "$0")
wanted=$here/bench-requirements.txt
if [ -z "${PYTHON:-}" ]; then
    PYTHON=$build/peers/bin/python
    # The list is copied in last: an environment that was not finished, or has other versions, is made again.
    if ! cmp -s "$wanted" "$build/peers/made-from.txt"; then
        echo "making $build/peers, a Python environment with the peers; some minutes, once" >&2
        python3 -m venv --clear "$build/peers"
        # PyTorch for processors only, which is smaller, where its index answers; else the one of pip's own index.
        "$PYTHON" -m pip install --quiet --retries 0 --index-url https://download.pytorch.org/whl/cpu "$(grep ^torch "$wanted")" ||
            echo "no answer from download.pytorch.org: PyTorch with CUDA (some GB) from pip's own index" >&2
        "$PYTHON" -m pip install --quiet -r "$wanted"
        cp "$wanted" "$build/peers/made-from.txt"
    fi
fi
exec "$PYTHON" "$here/../bench/peers.py" "$@"
