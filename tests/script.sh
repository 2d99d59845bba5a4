# SPDX-License-Identifier: Apache-2.0
# Sourced by test scripts: . "$HELPERS"

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

skip() {
    echo "SKIP: $*"
    exit 77
}

# expect STATUS COMMAND...: runs it, output in files out and err, and checks the exit status.
expect() {
    wanted=$1
    shift
    found=0
    "$@" >out 2>err </dev/null || found=$?
    [ "$found" = "$wanted" ] || {
        tail -n 5 out err >&2
        fail "status $found, expected $wanted: $*"
    }
}

# has FILE PATTERN: the file has a line that matches.
has() {
    grep -q -- "$2" "$1" || {
        cat "$1" >&2
        fail "no '$2' in $1"
    }
}
