# SPDX-License-Identifier: Apache-2.0
# Recordings of several rates give the same probabilities from their files and from the dataset imported from them.
. "$HELPERS"

for rate in 100 300 400 500; do
    expect 0 "$PHYSIOCLR" simulate archive/$rate --records 16 --seed $rate --rate $rate
    for file in archive/$rate/*.hea; do # one name a recording, not a name at each rate
        name=$(basename "$file" .hea)
        for kind in dat atr; do [ ! -f archive/$rate/$name.$kind ] || mv archive/$rate/$name.$kind archive/$rate/r$rate$name.$kind; done
        sed "s/\b$name\b/r$rate$name/g" "$file" >archive/$rate/r$rate$name.hea
        rm "$file"
    done
done
expect 0 "$PHYSIOCLR" import data.h5 archive --split demo=0.6/0.4/0
expect 0 "$PHYSIOCLR" features data.h5 --layout rich

# same A B: files of the same records whose probabilities differ by at most 1e-6.
same() {
    sort "$1" >sorted.a
    sort "$2" >sorted.b
    awk -F, 'FNR == NR { line[$1] = $0; next }
             { n = split(line[$1], other, ","); if (n != NF) bad++
               for (k = 2; k <= NF; k++) if ((d = $k - other[k]) > 1e-6 || d < -1e-6) bad++
               read++ }
             END { if (read != 65 || bad) { print read, "lines,", bad + 0, "differences"; exit 1 } }' sorted.a sorted.b ||
        fail "$1 and $2 differ"
}

cat >small.yaml <<'END'
encoder: {width: 4}
input: {seconds: 2.5, rate: 100}
END
for input in features both embedding; do
    expect 0 "$PHYSIOCLR" probe data.h5 -t dx --input $input -c small.yaml -o $input
    expect 0 "$PHYSIOCLR" predict $input/model.safetensors archive -o files.csv
    expect 0 "$PHYSIOCLR" predict $input/model.safetensors data.h5 -o dataset.csv
    same files.csv dataset.csv
done
