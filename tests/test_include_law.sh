#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The law of includes: every #include "folder/..." in src/ against the PCLR_SEES_* lists of CMakeLists.txt; cli/ sees <physioclr.h> only;
# the operations' back ends see nn only; nn names no ECG.
set -eu
root=$1
cd "$root"
law=$(sed -n 's/^set(PCLR_SEES_\([a-z]*\) *\(.*\))$/\1: \2 /p' CMakeLists.txt)
[ -n "$law" ] || { echo "no PCLR_SEES_ lines found in CMakeLists.txt"; exit 1; }
faults=$(
    find src -name '*.[ch]' | while read -r file; do
        folder=$(echo "$file" | cut -d/ -f2)
        allowed=" $folder $(echo "$law" | sed -n "s/^$folder: //p") "
        sed -n 's/^#include "\([a-z0-9]*\)\/.*/\1/p' "$file" | while read -r seen; do
            [ -d "src/$seen" ] || continue
            case "$allowed" in *" $seen "*) ;; *) echo "$file includes $seen/, allowed:$allowed" ;; esac
        done
    done
    grep -nE '#include "' cli/*.c cli/*.h | grep -vE '"(cli|frame)\.h"' | sed 's/$/  (cli sees <physioclr.h> only)/' || true
    grep -rniE '\becg\b|heart' src/nn --include='*.c' --include='*.h' | grep -viE 'knows nothing|never names' | sed 's/$/  (nn names no ECG)/' || true
)
[ -z "$faults" ] || { echo "$faults"; exit 1; }
echo "every include keeps the law"
