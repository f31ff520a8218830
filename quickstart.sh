#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh clone to a trained network: installs what is missing, builds Clef, and trains
# ResNet-18 on MNIST. Arguments go to "clef train"; "./quickstart.sh --help" lists them. The
# test is made with moving statistics taken anew (--update-bn), and with those of training.
set -euo pipefail
cd "$(dirname "$0")"

scripts/install-dependencies.sh build

# The tests, and what they need, are test.sh's business, and so are the warnings of a compiler that
# is newer than those this was written with.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Building Clef"
build() {
    cmake --preset release -DCLEF_TESTS=OFF -DCLEF_WERROR=OFF && cmake --build --preset release
}
if ! build >"$log" 2>&1; then
    cat "$log" >&2
    echo "quickstart: the build failed" >&2
    exit 1
fi
rm -f "$log"
exec build/release/clef train --update-bn 200 "$@"
