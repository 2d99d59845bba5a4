# SPDX-License-Identifier: Apache-2.0
# What is installed can be used: with pkg-config (shared and static) and with the CMake package; only the public names are visible.
. "$HELPERS"

cmake --install "$BUILD" --prefix "$PWD/prefix" >log || fail "$(cat log)"
prefix=$PWD/prefix
PATH=$prefix/bin:$PATH
physioclr version >/dev/null
[ -f "$prefix"/share/man/man1/physioclr.1 ] || fail "no man page"
[ -f "$prefix"/share/bash-completion/completions/physioclr ] || fail "no completion"

library=$(find "$prefix" -name libphysioclr.so)
folder=$(dirname "$library")
nm -D --defined-only "$library" | awk '{ print $3 }' | grep -v '^pclr_' | grep -v -E '^(_init|_fini|__bss_start|_edata|_end)$' >foreign || true
case $(grep CMAKE_C_FLAGS "$BUILD"/CMakeCache.txt; grep PCLR_SANITIZE "$BUILD"/CMakeCache.txt) in
*address* | *thread*) skip "a library built with sanitizers needs their run time" ;;
esac
[ ! -s foreign ] || fail "names that are not public: $(head -n 5 foreign)"
objdump -p "$library" | grep -q 'SONAME *libphysioclr\.so\.[0-9]*$' || fail "no soname"

export PKG_CONFIG_PATH=$folder/pkgconfig LD_LIBRARY_PATH=$folder
# configured for another prefix: the folders are given
flags="--define-variable=prefix=$prefix"
$CC "$SOURCE"/tests/example.c -o with_shared $(pkg-config $flags --cflags --libs physioclr)
expect 2 ./with_shared
$CC "$SOURCE"/tests/example.c -o with_static $(pkg-config $flags --cflags physioclr) "$folder"/libphysioclr.a $(pkg-config $flags --static --libs physioclr |
    sed 's/-lphysioclr//')
expect 2 ./with_static

mkdir user
cp "$SOURCE"/tests/example.c user
cat >user/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.20)
project(user LANGUAGES C)
find_package(physioclr 0.1 REQUIRED)
add_executable(user example.c)
target_link_libraries(user PRIVATE physioclr::physioclr)
END
cmake -S user -B user/build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$CC" >log 2>&1 || fail "$(tail log)"
cmake --build user/build >log 2>&1 || fail "$(tail log)"
expect 2 user/build/user
