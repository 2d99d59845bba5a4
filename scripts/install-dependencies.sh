#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes sure that the Debian packages the build needs are there: installs what is missing as root or with password-less sudo,
# otherwise prints the one line to type and fails.
set -eu

packages="gcc libc6-dev make cmake ninja-build pkg-config libhdf5-dev libdnnl-dev libopenblas-dev liblapacke-dev libflac-dev libxml2-dev
libmatio-dev libedf-dev libjansson-dev libyaml-dev liblbfgs-dev libkissfft-dev libcairo2-dev zlib1g-dev libxgboost-dev libcmocka-dev"

if ! command -v dpkg-query >/dev/null 2>&1; then
    exit 0 # not a Debian: CMake names the libraries that are missing
fi

missing=
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "Packages are missing. Type:" >&2
    echo "  sudo apt-get install$missing" >&2
    exit 1
fi

echo "Installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# $as_root and $missing are lists of words.
if ! { $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    echo "The packages could not be installed. Type:" >&2
    echo "  sudo apt-get update && sudo apt-get install$missing" >&2
    exit 1
fi
rm -f "$log"
