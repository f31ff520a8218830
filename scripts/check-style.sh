#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks what no compiler checks: the licence line and letters of each source, the direction of
# the layers, the format, and the scripts. Prints each fault; exit code 1 if there was one.
set -euo pipefail
cd "$(dirname "$0")/.."

# Another version breaks some lines elsewhere.
readonly clang_format_major=14

faults=0
fault() {
    echo "check-style: $*"
    faults=$((faults + 1))
}

mapfile -t c_files < <(find include src tests docs bench -name '*.[ch]' | sort)
mapfile -t scripts < <(find . -path ./build -prune -o -path './.git' -prune -o -path './.venv' \
    -prune -o -name '*.sh' -print | sort)
scripts+=(tests/frameworks/run .ci/run tests/fuzz/run tests/oclgrind/run tests/oclgrind/ran_all)
mapfile -t others < <(find cl bench docs tests -name '*.cl' -o -name '*.py' -o -path 'cl/*.h' | sort)
others+=(tests/gpu_compile/run)
[ ${#c_files[@]} -gt 0 ] || fault "found no sources"

while read -r file; do
    fault "$file: no SPDX-License-Identifier in its first two lines"
done < <(for file in "${c_files[@]}" "${scripts[@]}" "${others[@]}"; do
    head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$file"
done)

while read -r file; do
    fault "$file: has letters outside of ASCII, which may look like others"
done < <(LC_ALL=C grep -l '[^ -~[:space:]]' "${c_files[@]}")

# Includes of a folder that its layer must not know: the folder, then a pattern of what is foreign.
while read -r folder foreign; do
    while read -r line; do
        fault "$line: src/$folder must not include this"
    done < <(grep -rnE "^#include \"($foreign)/" "src/$folder")
done <<'END'
core (cli|check|data|train|weights|onnx|model|ops|device|cpu|opencl|io)
io (cli|check|data|train|weights|onnx|model|ops|device|cpu|opencl)
ops (cli|check|data|train|weights|onnx|model|cpu|opencl|io)
device (cli|check|data|train|weights|onnx|model|cpu|opencl|io)
cpu (cli|check|data|train|weights|onnx|model|opencl|io)
opencl (cli|check|data|train|weights|onnx|model|cpu)
model (cli|check|data|train|weights|onnx|cpu|opencl)
weights (cli|check|data|train|onnx|ops|device|cpu|opencl)
onnx (cli|check|data|train|model|ops|device|cpu|opencl)
data (cli|check|train|weights|onnx|model|ops|device|cpu|opencl)
train (cli|check|weights|onnx|ops|device|cpu|opencl)
check (cli|data|train|weights|onnx|model|device|cpu|opencl|io)
END
while read -r line; do
    fault "$line: names a backend, which only src/device and the backend itself may"
done < <(grep -rniE '\b(cpu|opencl|omp|openmp)\b' src/check src/train src/weights src/onnx src/model \
    src/data src/ops)

while read -r name; do
    fault "$name: more than one file has this name"
done < <(printf '%s\n' "${c_files[@]##*/}" | sort | uniq -d)

major=$(clang-format --version | sed -n 's/.*version \([0-9]*\).*/\1/p')
if [ "$major" = "$clang_format_major" ]; then
    clang-format --dry-run -Werror "${c_files[@]}" || fault "run clang-format -i on these files"
else
    echo "check-style: SKIP the format: clang-format $clang_format_major defines it, this is $major"
    [ "${CI:-}" != true ] || fault "CI allows no skip"
fi
shellcheck "${scripts[@]}" || fault "shellcheck"

[ "$faults" -eq 0 ] || exit 1
echo "check-style: ${#c_files[@]} C files and ${#scripts[@]} scripts are in order"
