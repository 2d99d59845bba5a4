#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench_peers.sh BUILD [OPTION...]: makes BUILD/peers, a Python environment with the peers, and runs bench_peers.py in it.
# PYTHON=/path/to/python: use that one, which has them already.
set -eu
build=$1
here=$(dirname "$0")
if [ -z "${PYTHON:-}" ]; then
    PYTHON=$build/peers/bin/python
    if [ ! -x "$PYTHON" ]; then
        python3 -m venv "$build/peers"
        "$PYTHON" -m pip install --quiet --extra-index-url https://download.pytorch.org/whl/cpu -r "$here/bench-requirements.txt"
    fi
fi
exec "$PYTHON" "$here/bench_peers.py" "$@"
