# SPDX-License-Identifier: Apache-2.0
# On a Debian without the packages and without the right to install them, `make demo` and `make test` print the one line to type and
# stop; as root, and with password-less sudo, they install. The machine is played by programs of our own in a PATH of their own.
. "$HELPERS"

mkdir machine
for tool in sh make dirname id grep sed cat mktemp rm nproc env; do
    ln -s "$(command -v $tool)" machine/$tool
done

# play NAME BODY: a program of the machine.
play() {
    printf '#!/bin/sh\n%s\n' "$2" >machine/$1.new
    chmod +x machine/$1.new
    mv -f machine/$1.new machine/$1
}
play dpkg-query 'case "$*" in *zlib1g-dev*) echo "install ok installed" ;; *) exit 1 ;; esac'
play id 'echo 1000'
play apt-get 'echo "apt-get $*" >>apt.log'

# on_machine COMMAND...: status, output in files out and err.
on_machine() {
    status=0
    PATH=$PWD/machine "$@" >out 2>err </dev/null || status=$?
}

for target in demo test build bench install; do
    on_machine make -C "$SOURCE" BUILD="$PWD"/build $target
    [ $status != 0 ] || fail "make $target went on without the packages"
    [ "$(grep -c 'sudo apt-get install' err)" = 1 ] || fail "make $target: not one line to type: $(cat err)"
    has err '^  sudo apt-get install gcc libc6-dev .*libhdf5-dev.*libcmocka-dev$'
    grep -q zlib1g-dev err && fail "a package that is there is asked for"
    [ ! -e build ] || fail "make $target began to build"
done
[ ! -e apt.log ] || fail "something was installed without the right to"

play sudo '[ "$1" = -n ] && exit 1'
on_machine "$SOURCE"/scripts/install-dependencies.sh
[ $status = 1 ] || fail "sudo with a password: status $status"
has err 'Type:'

play sudo '[ "$1" = -n ] && shift; exec "$@"'
play true 'exit 0'
on_machine "$SOURCE"/scripts/install-dependencies.sh
[ $status = 0 ] || fail "password-less sudo: status $status: $(cat err)"
has apt.log '^apt-get update'
has apt.log '^apt-get install -y .* libhdf5-dev'

rm apt.log
play id 'echo 0'
play sudo 'echo "sudo was asked" >>apt.log'
on_machine "$SOURCE"/scripts/install-dependencies.sh
[ $status = 0 ] || fail "root: status $status: $(cat err)"
grep -q sudo apt.log && fail "root needs no sudo"

play apt-get 'echo "no network"; exit 100'
on_machine "$SOURCE"/scripts/install-dependencies.sh
[ $status = 1 ] || fail "failing apt-get: status $status"
has err 'no network'
has err 'sudo apt-get update && sudo apt-get install'
