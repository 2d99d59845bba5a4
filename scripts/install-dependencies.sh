#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes sure that the Debian packages the build needs are there: installs them as root or with password-less sudo,
# otherwise prints the one line to type and fails.
set -eu

packages="build-essential cmake ninja-build pkg-config libhdf5-dev libdnnl-dev libopenblas-dev liblapacke-dev libflac-dev \
libxml2-dev libmatio-dev libedf-dev libjansson-dev libyaml-dev liblbfgs-dev libkissfft-dev libcairo2-dev zlib1g-dev libcmocka-dev"

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This is not a Debian-like system; install the equivalents of: $packages" >&2
    exit 0 # CMake names whatever is really missing
fi

missing=
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "Packages are missing. Type:" >&2
    echo "  sudo apt-get install$missing" >&2
    exit 1
fi

echo "Installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
