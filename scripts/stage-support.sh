# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the stages of test.sh have in common: how one is run, what it leaves, how tests are counted.
# test.sh sources this file, with `work`, a folder, `lanes`, the number of stages at a time, JOBS, the
# number of processors for each, and needs_release, which tells of a stage whether it has to wait.

: "${work:?}" "${lanes:?}" "${JOBS:?}"
# What a test is run by.
launcher=()

# stage NAME: runs the function of that name. $work/NAME receives what it prints (log), its lines of
# the summary, the counts of its tests, why it failed (reasons), and the time that it took.
stage() {
    local begin=$SECONDS status
    folder=$work/$1
    output=$folder/output
    mkdir -p "$folder"
    touch "$folder"/{log,summary,counts,reasons,ran,skipped}
    echo "== $1: begins"
    set +e
    (
        set -e
        "$1"
    ) >"$folder/log" 2>&1
    status=$?
    set -e
    [ "$status" -eq 0 ] || note FAIL "$1: ended with exit code $status"
    if failed "$1" && [ ! -s "$folder/reasons" ]; then
        tail -n 20 "$folder/log" >"$folder/reasons"
    fi
    times >"$folder/processor" # Of what this shell has waited for, in the second line.
    echo "$1 $((SECONDS - begin)) s ($(processor_seconds <"$folder/processor"))" >"$folder/time"
    flock "$work/lock" cat "$folder/log" - <<<"== $1: done after $((SECONDS - begin)) s"
}

processor_seconds() { sed -n '2s/[ms]/ /gp' | awk '{ printf "%.0f", 60 * $1 + $2 + 60 * $3 + $4 }'; }

# processors LANE: a list of its own processors, of those that this shell may use.
processors() {
    taskset -cp $$ | sed 's/.*: //; s/,/\n/g' | while IFS=- read -r first last; do
        seq "$first" "${last:-$first}"
    done | sed -n "$(($1 * JOBS + 1)),$(($1 * JOBS + JOBS))p" | paste -s -d ,
}

# in_lane LANE STAGE: threads that wait for each other are slow where another stage takes their
# processors. The thread sanitizer wants all, to see threads at the same time.
in_lane() {
    [ "$2" = thread_sanitizer ] || taskset -cp "$(processors "$1")" $BASHPID >/dev/null
    stage "$2"
}

# free_lane: sets `lane` once no stage runs in it.
free_lane() {
    while true; do
        for ((lane = 0; lane < lanes; lane++)); do
            kill -0 "${running[lane]:-x}" 2>/dev/null || return 0
        done
        wait -n || true
    done
}

# prepared: waits for the release configuration; false if it does not build.
prepared() {
    until [ -e "$work/prepare/time" ]; do
        wait -n || true
    done
    ! failed prepare
}

# side_by_side STAGE...: as many at a time as there are lanes, begun in this order. Tests of what does
# not build are left out.
side_by_side() {
    local name lane running=()
    for name in "$@"; do
        free_lane
        ! needs_release "$name" || prepared || continue
        in_lane "$lane" "$name" &
        running[lane]=$!
    done
    wait
}

# note WORD TEXT: adds a line to the summary.
note() { printf '%-4s  %s\n' "$1" "$2" >>"$folder/summary"; }

failed() { grep -q '^FAIL' "$work/$1/summary"; }

# skip TEXT: a part that cannot run here.
skip() {
    echo "SKIP: $1"
    if [ "${CI:-}" = true ]; then
        note FAIL "$1; CI allows no skip"
    else
        note SKIP "$1"
    fi
}

# install GROUP...: one stage at a time, but for the frameworks, which come last and take long:
# whoever has all that it needs does not wait for them.
install() {
    local lock=$work/installing
    [ "$1" != frameworks ] || lock+=-frameworks
    flock "$lock" scripts/install-dependencies.sh "$@"
}

# build PRESET [TARGET...]: whatever an earlier configuration left in the cache, every preset has
# OpenCL but those that are there to do without, and a build that has it has tests of it. AVX-512
# has the source of AVX2, so that compiling it once is enough, and so is optimising for what is said
# about a build without OpenCL.
build() {
    local preset=$1 opencl=ON options=() targets=()
    shift
    [ $# -eq 0 ] || targets=(--target "$@")
    case $preset in clang | tsan | aarch64) opencl=OFF ;; esac
    [ "$preset" = release ] || options=(-DCLEF_AVX512=OFF)
    [ "$preset" != clang ] || options+=(-DCMAKE_C_FLAGS_RELEASE=-O1)
    echo "== $preset: build"
    if ! cmake --preset "$preset" -DCLEF_TESTS=ON -DCLEF_WERROR=ON -DCLEF_OPENCL=$opencl \
        "${options[@]}" >/dev/null || ! cmake --build --preset "$preset" -j "$JOBS" "${targets[@]}"; then
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

# failed_tests OUTPUT LOG: names the tests of which ctest says that they failed, and shows the end of
# what each printed, without what cmocka says of cases that passed: less of each the more there are.
failed_tests() {
    echo "failed:" "$(sed -n '/tests FAILED:/,$s/^[[:space:]]*[0-9]* - \(.* (.*)\)$/\1/p' "$1" | paste -s -d ,)"
    awk '
        /^[0-9]+\/[0-9]+ Testing: / { test = $3; count = inside = 0 }
        /^<end of output>/ { inside = 0 }
        inside && !/^(\[ RUN |\[ *OK \]|\[==|\[  PASSED|$)/ { line[test, count++] = substr($0, 1, 300) }
        /^Output:$/ { inside = 1; getline }
        /^Test Failed/ { failed[++tests] = test; lines[test] = count }
        END {
            most = tests > 2 ? 5 : 15
            for (i = 1; i <= tests && i <= 6; i++) {
                test = failed[i]
                print "-- " test ":"
                for (at = lines[test] > most ? lines[test] - most : 0; at < lines[test]; at++)
                    print line[test, at]
            }
        }' "$2"
}

# run TITLE PRESET CTEST-ARGUMENT...: runs tests, counts them, and notes the result.
run() {
    local title=$1 begin=$SECONDS tests log word=OK ran passed table
    # ctest has one log for each folder, and several stages may run tests of one configuration.
    tests=$(mktemp -d "$folder/tests.XXX")
    echo "subdirs(\"$PWD/build/$2\")" >"$tests/CTestTestfile.cmake"
    log=$tests/Testing/Temporary/LastTest.log
    shift 2
    echo "== $title"
    "${launcher[@]}" ctest --test-dir "$tests" --output-on-failure --no-tests=error -j "$JOBS" \
        "$@" | tee "$output" || word=FAIL
    # The log tells how many tests ran, how many cases cmocka counted in them, and how many rows of
    # their tables the op tests went through.
    ran=$(count '^Test Passed\|^Test Failed' "$log")
    passed=$(count '^\[       OK \]' "$log")
    table=$(sed -n 's/^\([0-9]*\) rows$/\1/p' "$log" 2>/dev/null | paste -s -d + | sed 's/^$/0/')
    table=$((table))
    [ "$ran" -gt 0 ] && [ "$passed" -gt 0 ] || word=FAIL
    echo "$ran $passed $table" >>"$folder/counts"
    note "$word" "$title: $ran tests, $passed cases, $table op rows, $((SECONDS - begin)) s"
    note_skipped "$title" "$output"
    if [ -e "$log" ]; then
        [ "$word" = OK ] || failed_tests "$output" "$log" >>"$folder/reasons"
        cases_that OK "$log" >>"$folder/ran"
        cases_that SKIPPED "$log" >>"$folder/skipped"
    fi
}

# report STAGE...: the summary, and behind it why stages failed; the exit code is 1 if one did. Who
# sees only the last 60 lines sees most of both.
report() {
    local name failures=0
    for name in "$@"; do
        cat "$work/$name/summary"
        ! failed "$name" || failures=$((failures + 1))
    done
    for name in "$@"; do
        cat "$work/$name/time"
    done | paste -s -d ';' | sed 's/;/; /g' | fold -s -w 100
    for name in "$@"; do
        cat "$work/$name/counts"
    done | awk -v failures="$failures" -v seconds="$SECONDS" '
        { tests += $1; cases += $2; rows += $3 }
        END { printf "%d tests, %d cases, %d op rows; %d failed stages; %d min %d s\n", tests, cases,
              rows, failures, seconds / 60, seconds % 60 }'
    [ "$failures" -gt 0 ] || return 0
    for name in "$@"; do
        ! failed "$name" || {
            echo "== $name failed"
            head -n $((36 / failures + 4)) "$work/$name/reasons"
        }
    done
    return 1
}
