# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# The stages of test.sh, which sources this file: one function each, see CONTRIBUTING.md for what
# each is there for. What they share is in scripts/stage-support.sh.

# Labels of the tests that have stages of their own.
readonly other_stages='two_drivers|oclgrind|gpu_compile|frameworks'

# The sources of the data, and the configuration that most other stages test.
prepare() {
    if (cd data/mnist && sha256sum --check --quiet SHA256SUMS); then
        note OK "sums of data/mnist"
    else
        note FAIL "sums of data/mnist"
    fi
    build release || return 0
}

# Intel's driver compiles the kernels of graphics processors in a fraction of PoCL's time: their
# numbers are left to its stage where that runs.
release() {
    local elsewhere=$other_stages
    [[ " ${stages[*]} " != *' intel_driver '* ]] || elsewhere+='|gpu_numbers'
    run "release, PoCL" release -LE "$elsewhere"
}

# All but OpenCL works in a build without it, and the sources suit another compiler: one build tells
# both.
without_opencl() {
    if ! install clang; then
        skip "clang: it cannot be installed here"
        return
    fi
    build clang || return 0
    run "without OpenCL, by Clang" clang -LE 'frameworks|once|faults|one_compiler'
}

address_sanitizer() {
    build asan || return 0
    local strict=strict_string_checks=1:detect_stack_use_after_return=1
    ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:$strict \
        LSAN_OPTIONS=suppressions=$PWD/tests/opencl/lsan.supp:print_suppressions=0 \
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        run "address and undefined-behaviour sanitizers" asan -LE "$other_stages|gpu_numbers|once"
}

# Three targets share a processor.
fuzzing() {
    local begin=$SECONDS word=FAIL
    if ! install fuzz; then
        skip "fuzzing: Clang or its libFuzzer cannot be installed here"
        return
    fi
    echo "== fuzzing"
    if ! cmake --preset fuzz -DCLEF_OPENCL=ON >/dev/null || ! cmake --build --preset fuzz -j "$JOBS"; then
        note FAIL "fuzz: does not build"
        return
    fi
    if JOBS=$((3 * JOBS)) tests/fuzz/run 60 | tee "$output"; then
        word=OK
    else
        sed '/ a second$/d' "$output" >"$folder/reasons"
    fi
    note "$word" "fuzzing: $(tail -n 1 "$output"), $((SECONDS - begin)) s"
}

# What runs on several threads is the same for each instruction set.
worse_instruction_sets() {
    if grep -qw avx2 /proc/cpuinfo; then echo ops_baseline; else echo ops_avx; fi
}

thread_sanitizer() {
    build tsan test_ops test_dataset test_batch_loader test_picture_folder || return 0
    # The sanitizer's shadow memory needs the classic layout of addresses, which some kernels'
    # randomisation leaves; a container may forbid to switch it off, and then it must do without.
    if setarch -R true 2>/dev/null; then
        launcher=(setarch -R)
    fi
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
    run "thread sanitizer (op tests)" tsan -L ops -E "$(worse_instruction_sets)"
    run "thread sanitizer (data)" tsan -R "dataset|loader|picture_folder"
    unset TSAN_OPTIONS
    launcher=()
}

foreign_processor() {
    if [ "$(uname -m)" = aarch64 ]; then
        note OK "aarch64: the processor of this machine"
        return
    fi
    if ! install cross; then
        skip "aarch64: its compiler, libraries or emulator cannot be installed here"
        return
    fi
    build aarch64 test_ops || return 0
    run "aarch64 under qemu-user (op tests)" aarch64 -L ops
}

# Another driver, and then both: it finds its own libraries, so that OCL_ICD_VENDORS is enough.
intel_driver() {
    if ! install intel; then
        skip "Intel's OpenCL driver: it cannot be installed here"
        return
    fi
    OCL_ICD_VENDORS=$PWD/build/intel-opencl/alone \
        run "Intel's OpenCL driver" release -L 'opencl|gpu_numbers' -LE 'faults|one_driver'
    OCL_ICD_VENDORS=$PWD/build/intel-opencl/both run "two OpenCL drivers" release -L two_drivers
}

simulator() {
    if ! install oclgrind; then
        skip "Oclgrind: it cannot be installed here"
        return
    fi
    run "Oclgrind" release -L oclgrind
}

gpu_compilers() {
    if ! install gpu; then
        skip "compile matrix of GPUs: its compilers cannot be installed here"
        return
    fi
    run "compile matrix of GPUs" release -L gpu_compile
}

other_frameworks() {
    if [ -z "${CLEF_FRAMEWORKS_VENV:-}" ] && ! install frameworks; then
        skip "other frameworks: they cannot be installed here"
        return
    fi
    run "other frameworks" release -L frameworks
}

# Needs the list of commands of the release configuration.
static_analysis() {
    local begin=$SECONDS
    echo "== static analysis"
    if ! install analysis; then
        skip "static analysis: clang-tidy, cppcheck or jq cannot be installed here"
    elif scripts/static-analysis.sh; then
        note OK "static analysis: $((SECONDS - begin)) s"
    else
        note FAIL "static analysis: $((SECONDS - begin)) s"
    fi
}

test_coverage() {
    if ! install coverage; then
        skip "coverage: gcovr cannot be installed here"
        return
    fi
    build coverage || return 0
    find build/coverage -name '*.gcda' -delete
    CLEF_TEST_BRIEF=200000 run "coverage" coverage \
        -LE "$other_stages|gpu_numbers|slow|exact_messages"
    if gcovr --root . --filter src/ --object-directory build/coverage --print-summary \
        --fail-under-line 90 build/coverage --output build/coverage/lines.txt >"$output"; then
        note OK "coverage of src: $(head -n 1 "$output")"
    else
        note FAIL "coverage of src is below 90 %: $(head -n 1 "$output")"
    fi
}

style() {
    echo "== style"
    if ! install style; then
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

# A case may leave itself out where it cannot work, such as under a sanitizer, if it runs elsewhere.
check_skipped_cases() {
    local name
    while read -r name; do
        grep -qx "$name" "$work"/*/ran || skip "the case $name ran in no configuration"
    done < <(sort -u "$work"/*/skipped)
}
