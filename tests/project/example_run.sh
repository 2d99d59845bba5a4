# SPDX-License-Identifier: Apache-2.0
# The example of the public header finds the beats of a simulated record.
. "$HELPERS"

expect 0 "$PHYSIOCLR" simulate records --records 1 --seed 1
header=$(find records -name '*.hea')
expect 0 "$EXAMPLE" "${header%.hea}"
beats=$(grep -c '^beat [0-9]*: R at [0-9.]* s$' out)
[ "$beats" -ge 5 ] || fail "$beats beats in 10 s"
expect 2 "$EXAMPLE"
expect 1 "$EXAMPLE" nothing_here
has err "nothing_here"
