#!/bin/sh
# Makes ./configure. Needs autoconf, automake, libtool and autoconf-archive.
set -e
cd "$(dirname "$0")"
mkdir -p m4
autoreconf --install --force --warnings=all,no-portability "$@"
echo "Now: mkdir _build && cd _build && ../configure && make"
