# SPDX-License-Identifier: Apache-2.0
# Eight leads, as many archives keep them, are drawn as twelve; where leads are missing that cannot be computed, the paper layout is refused.
. "$HELPERS"

awk 'BEGIN { for (k = 0; k < 2500; k++) { t = k % 250 - 100; v = 1000 * exp(-t * t / 18); line = 0
    for (lead = 1; lead <= 8; lead++) line = (lead > 1 ? line "," : "") sprintf("%d", v * lead / 4); print line } }' >eight.csv
told="--unit uV --fs 250 --lead-names I,II,V1,V2,V3,V4,V5,V6"
for kind in svg png pdf; do
    expect 0 "$PHYSIOCLR" plot eight.csv $told --layout paper -o eight.$kind
    [ -s eight.$kind ] || fail "eight.$kind is empty"
done
expect 0 "$PHYSIOCLR" plot eight.csv $told --marks -o marks.svg

expect 2 "$PHYSIOCLR" plot eight.csv --unit uV --fs 250 --lead-names II,V1,V2,V3,V4,V5,V6,V7 --layout paper -o seven.svg
has err "needs the 12 standard leads"
[ ! -e seven.svg ] || fail "seven.svg was written"
