# SPDX-License-Identifier: Apache-2.0
# Progress as JSON lines, none where no terminal is, and a clean end when interrupted.
. "$HELPERS"

expect 0 "$PHYSIOCLR" simulate few --records 3
[ ! -s out ] || fail "simulate prints: $(cat out)"
grep -q '\[#' err && fail "a bar without a terminal"

expect 0 "$PHYSIOCLR" simulate some --records 20 --progress jsonl
has err '^{"stage":"[a-z]*","done":20,"total":20,"unit":"records","seconds":[0-9.]*,"rate":[0-9.e+]*'

"$PHYSIOCLR" simulate many --records 200000 2>err &
process=$!
sleep 1
kill -INT $process 2>/dev/null || fail "already over: $(cat err)"
status=0
wait $process || status=$?
[ "$status" = 130 ] || fail "interrupted: status $status"
