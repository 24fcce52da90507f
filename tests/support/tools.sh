#!/bin/sh
# Install the programs that tests use and that pip cannot bring: on Debian and its like, as root, where missing.
# Elsewhere it only says what is missing; the tests that need it are skipped, or fail in CI.
set -eu

missing=""
for tool in chromium node npm nginx redis-server turnserver cc; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
# No program, but a library: tests/support/tools.py looks for it in the same places.
set -- /usr/lib/*/faketime/libfaketimeMT.so.1 /usr/lib/faketime/libfaketimeMT.so.1
[ -e "$1" ] || [ -e "$2" ] || missing="$missing libfaketime"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "not installed, and so not tested with:$missing"
    exit 0
fi
packages=$(echo "$missing" | sed 's/\bnode\b/nodejs/; s/\bcc\b/gcc libc6-dev/; s/\bturnserver\b/coturn/')
echo "installing:$packages"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # several packages
{ apt-get -qq update && apt-get -qq install --yes --no-install-recommends $packages >/dev/null; } ||
    echo "apt could not install:$packages"
