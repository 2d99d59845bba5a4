#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a test script in an empty folder of its own, which is removed afterwards. The script finds PHYSIOCLR, EXAMPLE, SOURCE, BUILD and CC
# in its environment, and the helpers of tests/script.sh as $HELPERS.
set -eu
script=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
HELPERS=${SOURCE:?}/tests/script.sh
export HELPERS
status=0
sh -eu "$script" || status=$?
exit "$status"
