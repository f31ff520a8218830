#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Reads all of src without running it: clang-tidy, cppcheck and GCC's -fanalyzer. Prints each
# finding; exit code 1 if there was one. What is compiled for several instruction sets is read for
# the first of them.
#
# usage: scripts/static-analysis.sh [clang_tidy | cppcheck | gcc_analyzer]...
#
# Needs a build of the preset release, whose compile_commands.json tells how each file is compiled.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly commands=build/release/compile_commands.json
jobs=${JOBS:-$(nproc)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# each_file FILTER COMMAND...: runs a command for each file, with what the filter of jq makes of its
# entry as the last argument.
each_file() {
    local filter=$1
    shift
    jq -j ".[] | ($filter), \"\\u0000\"" "$work/compile_commands.json" |
        xargs -0 -n 1 -P "$jobs" "$@"
}

# One file a process: otherwise each va_list of a second file is found to be uninitialised. The
# number of nodes says how far the analyzer follows the paths through a function: with a tenth of
# what it has by default it takes a quarter of the time.
clang_tidy() {
    each_file .file clang-tidy --quiet -p "$work" --extra-arg=-Xclang \
        --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=20000 \
        2> >(grep -v 'warnings\? generated' >&2)
}

cppcheck() {
    command cppcheck --quiet -j "$jobs" --project="$work/compile_commands.json" \
        --enable=warning,performance,portability --suppress=missingIncludeSystem --inline-suppr \
        --error-exitcode=1
}

# Leaks are for clang-tidy and for the leak sanitizer: GCC 12 takes an object for lost whose address
# is kept as that of its first member, which is how each plan and buffer is handed out. Without
# debugging information it finds elements uninitialised that a loop before has set.
gcc_analyzer() {
    local flags='-O1 -g -DCPU_TRANSFORM=static -fanalyzer -Wno-analyzer-malloc-leak -Werror -S -o /dev/null'
    local compile=".command | sub(\" -o [^ ]+ -c \"; \" $flags \")"
    each_file "\"cd \\(.directory) && \\($compile)\"" bash -c
}

if [ ! -e "$commands" ]; then
    echo "static-analysis: first run cmake --preset release && cmake --build --preset release" >&2
    exit 1
fi
jq --arg src "$PWD/src/" '[.[] | select(.file | startswith($src))] | unique_by(.file)' \
    "$commands" >"$work/compile_commands.json"
files=$(jq length "$work/compile_commands.json")
if [ "$files" -ne "$(find src -name '*.c' | wc -l)" ]; then
    echo "static-analysis: $commands is not of these sources: configure the preset again" >&2
    exit 1
fi

[ $# -gt 0 ] || set -- clang_tidy cppcheck gcc_analyzer
faults=0
for tool in "$@"; do
    begin=$SECONDS
    if "$tool"; then
        echo "static-analysis: $tool finds nothing in $files files, $((SECONDS - begin)) s"
    else
        echo "static-analysis: $tool has findings, $((SECONDS - begin)) s"
        faults=$((faults + 1))
    fi
done
[ "$faults" -eq 0 ]
