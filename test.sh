#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds Clef in each of its configurations, and runs the tests of each.
#
# usage: ./test.sh [--fast | --opencl]
#   --fast    the release configuration alone
#   --opencl  the release configuration, and with it what tests the OpenCL backend besides: Intel's
#             driver, two drivers at once, Oclgrind, and the compilers of graphics processors
#
# With CI=true in the environment nothing may be skipped that could be installed.
set -euo pipefail
cd "$(dirname "$0")"

drivers=yes
configurations=yes
case ${1:-} in
--fast) drivers=no configurations=no ;;
--opencl) configurations=no ;;
'') ;;
*)
    echo "usage: ./test.sh [--fast | --opencl]" >&2
    exit 2
    ;;
esac
jobs=$(nproc)
# Labels of the tests that have stages of their own.
other_stages='two_drivers|oclgrind|gpu_compile|frameworks'
readonly drivers configurations jobs other_stages

# What is set from outside would choose another device or instruction set than the stage says.
unset CLEF_DEVICE CLEF_CPU CLEF_TEST_DEVICE CLEF_TEST_SEED CLEF_TEST_CASE CLEF_TEST_BRIEF
unset CLEF_TEST_ALTERNATIVES CLEF_CONV CLEF_CONV_CONFIG CLEF_OPENCL_AS CLEF_TUNED
unset CLEF_OPENCL_LIBRARY CLEF_OPENCL_TIMEOUT CLEF_OPENCL_TRANSFERS CLEF_KERNEL_CACHE CLEF_VERBOSE
# The OpenCL driver that the tests are for, whatever else the machine has.
export OCL_ICD_VENDORS=/etc/OpenCL/vendors/pocl.icd

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

# build PRESET [TARGET...]: whatever an earlier configuration left in the cache, every preset has
# OpenCL but those that are there to do without, and a build that has it has tests of it.
build() {
    local preset=$1 opencl=ON targets=()
    shift
    [ $# -eq 0 ] || targets=(--target "$@")
    case $preset in cpu-only | tsan | aarch64) opencl=OFF ;; esac
    echo "== $preset: build"
    if ! cmake --preset "$preset" -DCLEF_TESTS=ON -DCLEF_WERROR=ON -DCLEF_OPENCL=$opencl \
        >/dev/null || ! cmake --build --preset "$preset" "${targets[@]}"; then
        note FAIL "$preset: does not build"
        return 1
    fi
    ctest --test-dir "build/$preset" -N -L opencl >"$output"
    if [ $opencl = ON ] && ! grep -q '^Total Tests: [1-9]' "$output"; then
        note FAIL "$preset: it has no test of OpenCL"
        return 1
    fi
}

# count PATTERN FILE: number of lines, 0 without the file.
count() { grep -c "$1" "$2" 2>/dev/null || true; }

# tests_skipped OUTPUT: names of the tests that ctest says did not run.
tests_skipped() { sed -n 's/.*Test *#[0-9]*: \([^ ]*\) .*\(Skipped\|Not Run\).*/\1/p' "$1"; }

# cases_that WORD LOG: names of the cases of which cmocka says OK or SKIPPED.
cases_that() { sed -n "s/^\\[ *$1 \\] \\([A-Za-z_][A-Za-z0-9_]*\\)\$/\\1/p" "$2" | sort -u; }

# note_skipped TITLE OUTPUT: what ctest left out is a fault of the machine, but for an instruction
# set that its processor does not have: that can only be compiled.
note_skipped() {
    local name
    for name in $(tests_skipped "$2" | sed -n 's/^ops_\(avx2\|avx512\)_.*/\1/p' | sort -u); do
        note NOTE "$1: $name was only compiled: this processor does not have it"
    done
    for name in $(tests_skipped "$2"); do
        case $name in
        ops_avx2_* | ops_avx512_*) ;;
        *) skip "$1: $name did not run" ;;
        esac
    done
}

# run TITLE PRESET CTEST-ARGUMENT...: runs tests, counts them, and notes the result.
run() {
    local title=$1 preset=$2 begin=$SECONDS log=build/$2/Testing/Temporary/LastTest.log
    local word=OK ran passed table
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
    [ "$ran" -gt 0 ] && [ "$passed" -gt 0 ] || word=FAIL
    tests=$((tests + ran)) cases=$((cases + passed)) rows=$((rows + table))
    note "$word" "$title: $ran tests, $passed cases, $table op rows, $((SECONDS - begin)) s"
    note_skipped "$title" "$output"
    if [ -e "$log" ]; then
        cases_that OK "$log" >>"$work/ran"
        cases_that SKIPPED "$log" >>"$work/skipped"
    fi
}

# A case may leave itself out where it cannot work, such as under a sanitizer, if it runs elsewhere.
check_skipped_cases() {
    local name
    while read -r name; do
        grep -qx "$name" "$work/ran" || skip "the case $name ran in no configuration"
    done < <(sort -u "$work/skipped")
}

# All but OpenCL works in a build without it.
without_opencl() {
    build cpu-only || return 0
    run "without OpenCL" cpu-only -LE frameworks
}

other_compiler() {
    if ! scripts/install-dependencies.sh clang; then
        skip "clang: it cannot be installed here"
        return
    fi
    build clang || return 0
    run "clang (op tests)" clang -L ops -LE gpu_numbers
}

address_sanitizer() {
    build asan || return 0
    local strict=strict_string_checks=1:detect_stack_use_after_return=1
    ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:$strict \
        LSAN_OPTIONS=suppressions=$PWD/tests/opencl/lsan.supp:print_suppressions=0 \
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        run "address and undefined-behaviour sanitizers" asan -LE "$other_stages|gpu_numbers"
}

# Each target has its time alone on a processor.
fuzzing() {
    local begin=$SECONDS word=FAIL
    if ! scripts/install-dependencies.sh fuzz; then
        skip "fuzzing: Clang or its libFuzzer cannot be installed here"
        return
    fi
    echo "== fuzzing"
    if ! cmake --preset fuzz -DCLEF_OPENCL=ON >/dev/null || ! cmake --build --preset fuzz; then
        note FAIL "fuzz: does not build"
        return
    fi
    if tests/fuzz/run 60 | tee "$output"; then
        word=OK
    fi
    note "$word" "fuzzing: $(tail -n 1 "$output"), $((SECONDS - begin)) s"
}

thread_sanitizer() {
    build tsan test_ops test_dataset test_batch_loader || return 0
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
    build aarch64 test_ops || return 0
    run "aarch64 under qemu-user (op tests)" aarch64 -L ops
}

# Another driver, and then both: it finds its own libraries, so that OCL_ICD_VENDORS is enough.
intel_driver() {
    if ! scripts/install-dependencies.sh intel; then
        skip "Intel's OpenCL driver: it cannot be installed here"
        return
    fi
    OCL_ICD_VENDORS=$PWD/build/intel-opencl/alone \
        run "Intel's OpenCL driver" release -L 'opencl|gpu_numbers' -LE faults
    OCL_ICD_VENDORS=$PWD/build/intel-opencl/both run "two OpenCL drivers" release -L two_drivers
}

simulator() {
    if ! scripts/install-dependencies.sh oclgrind; then
        skip "Oclgrind: it cannot be installed here"
        return
    fi
    run "Oclgrind" release -L oclgrind
}

gpu_compilers() {
    if ! scripts/install-dependencies.sh gpu; then
        skip "compile matrix of GPUs: its compilers cannot be installed here"
        return
    fi
    run "compile matrix of GPUs" release -L gpu_compile
}

other_frameworks() {
    if [ -z "${CLEF_FRAMEWORKS_VENV:-}" ] && ! scripts/install-dependencies.sh frameworks; then
        skip "other frameworks: they cannot be installed here"
        return
    fi
    run "other frameworks" release -L frameworks
}

# Needs the list of commands of the release configuration.
static_analysis() {
    local begin=$SECONDS
    echo "== static analysis"
    if ! scripts/install-dependencies.sh analysis; then
        skip "static analysis: clang-tidy, cppcheck or jq cannot be installed here"
    elif scripts/static-analysis.sh; then
        note OK "static analysis: $((SECONDS - begin)) s"
    else
        note FAIL "static analysis: $((SECONDS - begin)) s"
    fi
}

# Without the slowest tests, most of whose lines others run too, and without those that look at
# messages: where a program ends in an unusual way, gcov adds its own.
test_coverage() {
    local slow='test_replay|test_check|test_opencl_(check|limits|faults_.*)|test_flat|test_example|presets'
    local messages='test_failing_calls|test_cli_errors|test_interruption|test_kill'
    if ! scripts/install-dependencies.sh coverage; then
        skip "coverage: gcovr cannot be installed here"
        return
    fi
    build coverage || return 0
    find build/coverage -name '*.gcda' -delete
    CLEF_TEST_BRIEF=200000 run "coverage" coverage -LE "$other_stages|gpu_numbers" \
        -E "$slow|$messages|ops_clblast"
    if gcovr --root . --filter src/ --object-directory build/coverage --print-summary \
        --fail-under-line 90 build/coverage --output build/coverage/lines.txt >"$output"; then
        note OK "coverage of src: $(head -n 1 "$output")"
    else
        note FAIL "coverage of src is below 90 %: $(head -n 1 "$output")"
    fi
}

style() {
    echo "== style"
    if ! scripts/install-dependencies.sh style; then
        skip "style: clang-format or shellcheck cannot be installed here"
    elif scripts/check-style.sh | tee "$output"; then
        note OK "style"
        if grep -q SKIP "$output"; then
            skip "style: the format, which another version of clang-format defines"
        fi
    else
        note FAIL "style"
    fi
}

# Comes before the command that runs the tests.
launcher=()
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
output=$work/output
touch "$work/ran" "$work/skipped"
# All at once, since each update of the package lists takes its time. Where that fails, the stages
# ask for their own, and say what is missing.
groups=(build test)
[ "$drivers" = no ] || groups+=(intel oclgrind gpu)
[ "$configurations" = no ] || groups+=(clang fuzz cross analysis coverage style)
scripts/install-dependencies.sh "${groups[@]}" || scripts/install-dependencies.sh build test
if (cd data/mnist && sha256sum --check --quiet SHA256SUMS); then
    note OK "sums of data/mnist"
else
    note FAIL "sums of data/mnist"
fi
if build release; then
    run "release, PoCL" release -LE "$other_stages"
    if [ "$drivers" = yes ]; then
        intel_driver
        simulator
        gpu_compilers
    fi
    [ "$configurations" = no ] || other_frameworks
fi
if [ "$configurations" = yes ]; then
    without_opencl
    other_compiler
    address_sanitizer
    fuzzing
    thread_sanitizer
    foreign_processor
    static_analysis
    test_coverage
    style
fi
check_skipped_cases

echo
printf '%s\n' "${summary[@]}"
echo "$tests tests, $cases cases, $rows op rows; $failures failed stages;" \
    "$((SECONDS / 60)) min $((SECONDS % 60)) s"
[ "$failures" -eq 0 ]
