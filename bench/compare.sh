#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Times a training step of the default network in Clef and in its peers, alternately in one run, and
# Clef's convolutions in between; prints the medians, their ratios, and what share of the machine's
# peak each convolution reaches. It judges nothing: the figures are for the reader.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")

usage() {
    cat <<USAGE
usage: bench/compare.sh [options]
  --batch-size N   images a step (64)
  --steps N        timed steps of each contender in each round (30)
  --rounds N       how often each contender's turn comes (3)
  --quick          one round of 3 steps, to see that everything runs
  --device D       Clef's device (cpu)
  --clef FILE      Clef's program (build/release/clef)
  --out FILE       the measurements, one JSON object a line (build/bench-compare.jsonl)
  --report         instead of a step alone, time other batch sizes, large images, one thread, the
                   start and the whole job, on each OpenCL driver too, and write docs/performance.md

CLEF_BENCH_VENV names an existing Python environment with tensorflow-cpu, torch and numpy; without
it, one is made in build/venv-bench.
USAGE
}

fail() {
    echo "compare.sh: $1" >&2
    exit "${2:-1}"
}

batch_size=64 steps=30 rounds='' warm_up=5 device=cpu report=no
clef=$root/build/release/clef out=$root/build/bench-compare.jsonl
while [ $# -gt 0 ]; do
    case $1 in
    --help) usage && exit 0 ;;
    --report) report=yes && shift && continue ;;
    --quick) rounds=1 steps=3 warm_up=1 && shift && continue ;;
    --batch-size | --steps | --rounds | --device | --clef | --out)
        [ $# -ge 2 ] || fail "$1 needs a value" 2 ;;
    *) fail "unknown option $1; see --help" 2 ;;
    esac
    case $1 in
    --batch-size | --steps | --rounds)
        [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || fail "$1 must be a number from 1 to 999999" 2 ;;
    esac
    case $1 in
    --batch-size) batch_size=$2 ;;
    --steps) steps=$2 ;;
    --rounds) rounds=$2 ;;
    --device) device=$2 ;;
    --clef) clef=$2 ;;
    --out) out=$2 ;;
    esac
    shift 2
done
[ -x "$clef" ] || fail "$clef is missing; build it with: cmake --preset release && cmake --build --preset release"

venv=${CLEF_BENCH_VENV:-$root/build/venv-bench}
if [ -z "${CLEF_BENCH_VENV:-}" ] && [ ! -e "$venv/complete" ]; then
    echo "compare.sh: installing the peers in $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet tensorflow-cpu==2.21.0 torch==2.13.0 numpy
    touch "$venv/complete"
fi
python=$venv/bin/python
[ -x "$python" ] || fail "$python is missing; CLEF_BENCH_VENV must name a Python environment"

# Runs one contender and appends its line to $out; its own messages appear only if it fails.
failed=0
measure() {
    local name=$1 line
    shift
    echo "round $round of $rounds: $name" >&2
    if line=$(PYTHONDONTWRITEBYTECODE=1 "$@" 2>"$log") && [ -n "$line" ]; then
        printf '%s\n' "$line" | "$python" -c \
            'import json, sys; print(json.dumps(json.load(sys.stdin)))' >>"$out"
    else
        echo "compare.sh: $name failed:" >&2
        tail -n 5 "$log" >&2
        failed=1
    fi
}

peer() {
    local name=$1 script=$2
    shift 2
    measure "$name" "$python" "$here/peers/$script" --batch-size "$batch_size" --steps "$steps" \
        --warm-up "$warm_up" "$@"
}

mkdir -p "$(dirname "$out")"
if [ "$report" = yes ]; then
    code=0
    "$python" "$here/performance.py" --clef "$clef" --out "$out" --rounds "${rounds:-2}" --job ||
        code=$?
    "$python" "$here/report.py" "$out" "$root/docs/performance.md" "$root/docs/performance.svg"
    exit "$code"
fi
rounds=${rounds:-3}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
: >"$out"
for ((round = 1; round <= rounds; round++)); do
    peer "keras" seed_keras.py
    peer "torch eager" seed_torch.py --mode eager
    peer "torch channels_last" seed_torch.py --mode channels_last
    peer "torch compile" seed_torch.py --mode compile
    measure "clef" "$clef" bench train --batch-size "$batch_size" --steps "$steps" \
        --warm-up "$warm_up" --device "$device" --json
    measure "clef's ops" "$clef" bench ops --batch-size "$batch_size" --repetitions "$steps" \
        --device "$device" --json
done
"$python" "$here/summarise.py" "$out"
exit "$failed"
