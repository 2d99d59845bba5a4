# SPDX-License-Identifier: Apache-2.0
# Every listed command explains itself, refuses what it does not know, and has a man page and completion.
. "$HELPERS"

expect 0 "$PHYSIOCLR" --help
commands=$(sed -n 's/^  \([a-z]*\)  *[^ ].*/\1/p' out)
count=$(echo "$commands" | wc -l)
[ "$count" -ge 2 ] || fail "only $count commands listed"

for command in $commands; do
    expect 0 "$PHYSIOCLR" "$command" --help
    has out "^physioclr $command: ."
    has out "^usage: physioclr $command "
    has out "^examples"
    has out "--threads N"
    expect 0 "$PHYSIOCLR" help "$command"
    expect 0 "$PHYSIOCLR" help --man "$command"
    has out "^\.SH OPTIONS"
    if command -v man >/dev/null; then
        man --warnings -l out >page 2>warnings || true
        [ ! -s warnings ] || fail "man page of $command: $(cat warnings)"
    fi
    expect 2 "$PHYSIOCLR" "$command" --no-such-option
    has err "no option '--no-such-option'"
    [ ! -s out ] || fail "$command: a message on standard output"
done

# A file cli/NAME.c for each command, and no command file that is not listed.
for file in "$SOURCE"/cli/*.c; do
    name=$(basename "$file" .c)
    grep -q "^const cli_command cli_" "$file" || continue
    echo "$commands" | grep -qx "$name" || fail "cli/$name.c is not in the table of cli/main.c"
done

expect 0 "$PHYSIOCLR" help --completion bash
cp out completion
sh -n completion 2>/dev/null || bash -n completion
for command in $commands; do has completion "$command"; done
expect 0 "$PHYSIOCLR" help --completion zsh
expect 0 "$PHYSIOCLR" help --completion fish
expect 0 "$PHYSIOCLR" pretrain --keys
has out "^objective.tau "
