#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds Clef in each of its configurations, and runs the tests of each.
#
# usage: ./test.sh [--fast | --opencl | STAGE...]
#   --fast    the release configuration alone
#   --opencl  the release configuration, and with it what tests the OpenCL backend besides: Intel's
#             driver, two drivers at once, Oclgrind, and the compilers of graphics processors
#   STAGE     a function of scripts/stages.sh, such as fuzzing
#
# Stages run side by side, and what each prints comes when it is done. The summary is at the end,
# and behind it why stages failed. With CI=true in the environment nothing may be skipped that could
# be installed.
set -euo pipefail
cd "$(dirname "$0")"

# Those that need the release configuration, and all, in the order of the summary. The longest begin
# first, so that none of them is alone at the end.
of_opencl=(intel_driver simulator gpu_compilers)
of_release=(release "${of_opencl[@]}" other_frameworks static_analysis)
all=(fuzzing address_sanitizer gpu_compilers release simulator static_analysis test_coverage
    intel_driver other_frameworks thread_sanitizer without_opencl foreign_processor style)

packages=()
case ${1:-} in
--fast) stages=(release) ;;
--opencl)
    stages=(release "${of_opencl[@]}")
    packages=(intel oclgrind gpu)
    ;;
'')
    stages=("${all[@]}")
    packages=(intel oclgrind gpu clang fuzz analysis coverage style)
    ;;
-*)
    sed -n '/^# usage/,/^#$/s/^# \?//p' "$0" >&2
    exit 2
    ;;
*)
    stages=("$@")
    for stage in "$@"; do
        if [[ " ${all[*]} " != *" $stage "* ]]; then
            echo "test.sh: no stage \"$stage\"; there are: ${all[*]}" >&2
            exit 2
        fi
    done
    ;;
esac

# What is set from outside would choose another device or instruction set than the stage says.
unset CLEF_DEVICE CLEF_CPU CLEF_TEST_DEVICE CLEF_TEST_SEED CLEF_TEST_CASE CLEF_TEST_BRIEF
unset CLEF_TEST_ALTERNATIVES CLEF_CONV CLEF_CONV_CONFIG CLEF_OPENCL_AS CLEF_TUNED
unset CLEF_OPENCL_LIBRARY CLEF_OPENCL_TIMEOUT CLEF_OPENCL_TRANSFERS CLEF_KERNEL_CACHE CLEF_VERBOSE
# The OpenCL driver that the tests are for, whatever else the machine has.
export OCL_ICD_VENDORS=/etc/OpenCL/vendors/pocl.icd

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# How many stages at a time, and how many processors are for each: the end of one, when its last
# test has one processor, is the time of another.
JOBS=$(nproc) lanes=1
export JOBS
. scripts/stage-support.sh
. scripts/stages.sh

# What shares files with the system's own architecture comes first, and alone: an update of the C
# library is no time to compile. The rest comes while the first configuration is built and tested;
# a stage that needs it waits, and asks again for what could not be installed.
first_packages=(build test)
[[ " ${stages[*]} " != *' foreign_processor '* ]] || first_packages+=(cross)
install "${first_packages[@]}" || install build test
if [ ${#packages[@]} -gt 0 ]; then
    {
        install "${packages[@]}" || true
        [[ " ${stages[*]} " != *' other_frameworks '* ]] || install frameworks || true
    } >"$work/packages" 2>&1 &
    disown
fi

# The release configuration is built beside a stage that does without it, or, where the first one needs
# it, by all processors.
needs_release() { [[ " ${of_release[*]} " == *" $1 "* ]]; }
queue=()
for name in "${stages[@]}"; do
    ! needs_release "$name" || queue=(prepare)
done
if needs_release "${stages[0]}"; then
    stage prepare
    queue=()
fi
queue+=("${stages[@]}")
if [ "$JOBS" -gt 1 ] && [ ${#queue[@]} -gt 1 ]; then
    lanes=2 JOBS=$(((JOBS + 1) / 2))
fi
side_by_side "${queue[@]}"
[ $# -gt 0 ] || stage check_skipped_cases

ran=()
for name in prepare "${stages[@]}" check_skipped_cases; do
    [ ! -e "$work/$name" ] || ran+=("$name")
done
echo
report "${ran[@]}"
