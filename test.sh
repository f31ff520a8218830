#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds Clef in each of its configurations, and runs the tests of each.
#
# usage: ./test.sh [--fast]
#   --fast  the release configuration alone
#
# With CI=true in the environment nothing may be skipped that could be installed.
set -euo pipefail
cd "$(dirname "$0")"

fast=no
case ${1:-} in
--fast) fast=yes ;;
'') ;;
*)
    echo "usage: ./test.sh [--fast]" >&2
    exit 2
    ;;
esac
jobs=$(nproc)
readonly fast jobs

# Tests run side by side: a thread that spins while it waits would take a processor from another.
export OMP_WAIT_POLICY=passive
# What is set from outside would choose another device or instruction set than the stage says.
unset CLEF_DEVICE CLEF_CPU CLEF_TEST_DEVICE CLEF_TEST_SEED CLEF_TEST_CASE

summary=()
failures=0
tests=0
cases=0
rows=0

# note WORD TEXT: adds a line to the summary.
note() {
    summary+=("$(printf '%-4s  %s' "$1" "$2")")
    [ "$1" != FAIL ] || failures=$((failures + 1))
}

# skip TEXT: a part that cannot run here.
skip() {
    echo "SKIP: $1"
    if [ "${CI:-}" = true ]; then
        note FAIL "$1; CI allows no skip"
    else
        note SKIP "$1"
    fi
}

build() {
    echo "== $1: build"
    if cmake --preset "$1" -DCLEF_TESTS=ON -DCLEF_WERROR=ON >/dev/null &&
        cmake --build --preset "$1"; then
        return 0
    fi
    note FAIL "$1: does not build"
    return 1
}

# count PATTERN FILE: number of lines, 0 without the file.
count() { grep -c "$1" "$2" 2>/dev/null || true; }

# skips OUTPUT LOG: names of what ctest, by its output, or cmocka, by the log, left out.
skips() {
    {
        sed -n -e 's/.*Test *#[0-9]*: \([^ ]*\) .*\(Skipped\|Not Run\).*/\1/p' "$1"
        sed -n -e 's/^\[  SKIPPED \] \([A-Za-z_][A-Za-z0-9_]*\)$/\1/p' "$2" 2>/dev/null
    } | sort -u | paste -s -d ' '
}

# run TITLE PRESET CTEST-ARGUMENT...: runs tests, counts them, and notes the result.
run() {
    local title=$1 preset=$2 begin=$SECONDS log=build/$2/Testing/Temporary/LastTest.log
    local word=OK ran passed table skipped
    shift 2
    echo "== $title"
    rm -f "$log"
    "${launcher[@]}" ctest --test-dir "build/$preset" --output-on-failure --no-tests=error \
        -j "$jobs" "$@" | tee "$output" || word=FAIL
    # The log tells how many tests ran, how many cases cmocka counted in them, and how many rows of
    # their tables the op tests went through.
    ran=$(count '^Test Passed\|^Test Failed' "$log")
    passed=$(count '^\[       OK \]' "$log")
    table=$(sed -n 's/^\([0-9]*\) rows$/\1/p' "$log" 2>/dev/null | paste -s -d + | sed 's/^$/0/')
    table=$((table))
    skipped=$(skips "$output" "$log")
    [ "$ran" -gt 0 ] && [ "$passed" -gt 0 ] || word=FAIL
    tests=$((tests + ran)) cases=$((cases + passed)) rows=$((rows + table))
    note "$word" "$title: $ran tests, $passed cases, $table op rows, $((SECONDS - begin)) s"
    if [ -n "$skipped" ]; then
        skip "$title: left out: $skipped"
    fi
}

has_flags() {
    local flag
    for flag in "$@"; do
        grep -qw "$flag" /proc/cpuinfo || return 1
    done
}

# No machine can run what its processor does not have, so this is no failure even with CI=true.
only_compiled() {
    note NOTE "instruction set $1: compiled, not run, since this processor does not have it"
}

# The release stage has run everything with the best instruction set of this processor; here the
# op tests run with each of the others.
instruction_sets() {
    local best=baseline name
    if [ "$(uname -m)" != x86_64 ]; then
        note OK "instruction sets: $(uname -m) has only the one that release used"
        return
    fi
    ! has_flags avx2 fma || best=avx2
    ! has_flags avx512f avx512vl avx512dq avx512bw fma || best=avx512
    for name in baseline avx2 avx512; do
        if [ "$name" = "$best" ]; then
            note OK "instruction set $name: the one that release used"
            break
        fi
        CLEF_CPU=$name run "instruction set $name (op tests)" release -L ops
    done
    [ "$best" != baseline ] || only_compiled avx2
    [ "$best" = avx512 ] || only_compiled avx512
}

address_sanitizer() {
    build asan || return 0
    local strict=strict_string_checks=1:detect_stack_use_after_return=1
    ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:$strict \
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        run "address and undefined-behaviour sanitizers" asan
}

thread_sanitizer() {
    build tsan || return 0
    # The sanitizer's shadow memory needs the classic layout of addresses, which some kernels'
    # randomisation leaves; a container may forbid to switch it off, and then it must do without.
    if setarch -R true 2>/dev/null; then
        launcher=(setarch -R)
    fi
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
    run "thread sanitizer (op tests)" tsan -L ops
    run "thread sanitizer (data)" tsan -R 'dataset|loader'
    unset TSAN_OPTIONS
    launcher=()
}

foreign_processor() {
    if [ "$(uname -m)" = aarch64 ]; then
        note OK "aarch64: the processor of this machine"
        return
    fi
    if ! scripts/install-dependencies.sh cross; then
        skip "aarch64: its compiler, libraries or emulator cannot be installed here"
        return
    fi
    build aarch64 || return 0
    run "aarch64 under qemu-user (op tests)" aarch64 -L ops
}

style() {
    echo "== style"
    if ! scripts/install-dependencies.sh style; then
        skip "style: clang-format or shellcheck cannot be installed here"
    elif scripts/check-style.sh; then
        note OK "style"
    else
        note FAIL "style"
    fi
}

# Comes before the command that runs the tests.
launcher=()
output=$(mktemp)
trap 'rm -f "$output"' EXIT
scripts/install-dependencies.sh build test
if (cd data/mnist && sha256sum --check --quiet SHA256SUMS); then
    note OK "sums of data/mnist"
else
    note FAIL "sums of data/mnist"
fi
if build release; then
    run "release" release
    [ "$fast" = yes ] || instruction_sets
fi
if [ "$fast" = no ]; then
    address_sanitizer
    thread_sanitizer
    foreign_processor
    style
fi

echo
printf '%s\n' "${summary[@]}"
echo "$tests tests, $cases cases, $rows op rows; $failures failed stages;" \
    "$((SECONDS / 60)) min $((SECONDS % 60)) s"
[ "$failures" -eq 0 ]
