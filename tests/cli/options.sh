# SPDX-License-Identifier: Apache-2.0
# The rules of the command line, shown on `version` and `simulate`.
. "$HELPERS"

expect 2 "$PHYSIOCLR"
has err "^usage: physioclr COMMAND"
expect 2 "$PHYSIOCLR" simulat
has err "did you mean 'simulate'"
expect 0 "$PHYSIOCLR" --version
has out "^physioclr [0-9]*\.[0-9]*\.[0-9]*$"
expect 0 "$PHYSIOCLR" version --json
has out '^{"version":"[0-9.]*","build":".*"}$'
expect 2 "$PHYSIOCLR" version surplus
has err "unexpected argument 'surplus'"
expect 2 "$PHYSIOCLR" version --jsn
has err "did you mean '--json'"
expect 2 "$PHYSIOCLR" version --quiet=yes
expect 2 "$PHYSIOCLR" version --threads
expect 2 "$PHYSIOCLR" version --threads two
expect 2 "$PHYSIOCLR" version -t1x
expect 2 "$PHYSIOCLR" version --progress sometimes
expect 0 "$PHYSIOCLR" version -qt2 --progress=jsonl
expect 0 "$PHYSIOCLR" version -qh
has out "^usage: physioclr version"

expect 2 "$PHYSIOCLR" simulate
expect 0 "$PHYSIOCLR" simulate --records=2 -q -- -odd
[ -d ./-odd ] || fail "-- did not end the options"
[ ! -s err ] || fail "--quiet is not quiet: $(cat err)"

# What was printed must have arrived.
if [ -w /dev/full ]; then
    status=0
    "$PHYSIOCLR" version >/dev/full 2>err || status=$?
    [ "$status" = 1 ] || fail "a full disk gave status $status"
    has err "cannot write to standard output"
fi

# A pipe named as output stays a pipe and gets the result.
mkfifo pipe
cat pipe > piped &
expect 0 "$PHYSIOCLR" simulate sim --records 1 --seconds 10
expect 0 "$PHYSIOCLR" fiducials sim -o pipe
wait
[ -p pipe ] || { echo "the pipe was replaced by a file"; exit 1; }
[ -s piped ] || { echo "nothing came through the pipe"; exit 1; }
expect 2 "$PHYSIOCLR" import pipe sim
has err "pipe: a device or a pipe"
