# SPDX-License-Identifier: Apache-2.0
# Every `physioclr COMMAND --option` shown in a document (indented, at the start of its line) names a command and options that exist.
. "$HELPERS"

expect 0 "$PHYSIOCLR" --help
sed -n 's/^  \([a-z]*\)  *[^ ].*/\1/p' out >commands
count=0
for page in "$SOURCE"/README.md "$SOURCE"/CONTRIBUTING.md "$SOURCE"/docs/*.md; do
    # a line that ends in a backslash goes on; what follows # or | or ; is not the command's
    sed -e ':join' -e '/\\$/{N;s/\\\n */ /;b join' -e '}' "$page" |
        sed -n 's/^ \{4,\}\(build\/\)\{0,1\}physioclr \([a-z]*\)\(.*\)$/\2\3/p' | sed 's/[#|;&].*//' >lines
    while read -r command rest; do
        [ -n "$command" ] || continue
        [ "$command" = help ] && continue
        grep -qx "$command" commands || fail "$(basename "$page"): no command '$command'"
        "$PHYSIOCLR" "$command" --help >help
        for word in $rest; do
            case $word in
            --*) option=${word%%=*} ;;
            *) continue ;;
            esac
            grep -q -e "$option\([ =]\|\$\)" help || fail "$(basename "$page"): $command has no $option"
        done
        count=$((count + 1))
    done <lines
done
[ "$count" -ge 5 ] || fail "only $count commands found in the documents"
echo "$count commands in the documents"
