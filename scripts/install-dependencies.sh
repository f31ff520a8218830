#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, and asks for no privileges when nothing is.
#
# usage: scripts/install-dependencies.sh GROUP...
#   build     what the library and the program are built with
#   test      what the tests need besides
#   clang     the other compiler
#   fuzz      the other compiler with libFuzzer and sanitizers
#   style     what checks the form of the sources
#   analysis  what reads the sources for faults
#   coverage  what tells which lines of the sources the tests run
#   cross     the compiler, libraries and emulator for aarch64 (on Debian for amd64)
#   gpu       offline compilers for graphics processors; NVIDIA's come from PyPI, into build/gpu-tools
#   intel     Intel's OpenCL driver for processors, from PyPI, into build/intel-opencl
#   frameworks  PyTorch from Debian; Keras, JAX and ONNX's runtime from PyPI, into build/frameworks
#   oclgrind  a simulated OpenCL device that finds faults in kernels
set -euo pipefail

readonly cmake_minimum=3.22

# NVIDIA's assembler and disassembler; of another version they may count registers differently.
build=$(cd "$(dirname "$0")/.." && pwd)/build
gpu_tools=$build/gpu-tools
gpu_wheels=(nvidia-cuda-nvcc==13.2.78 nvidia-cuda-nvdisasm==13.2.78)
# Intel's driver, and what its own wheel asks for.
intel=$build/intel-opencl
intel_wheels=(intel-opencl-rt==2026.2.0 intel-cmplr-lib-rt==2026.2.0 tbb==2023.2.0 tcmlib==1.6.0)
# What the tests compare Clef with, and what these ask for; those that Debian's Python and NumPy suit.
frameworks=$build/frameworks
framework_wheels=(keras==3.15.1 absl-py==2.1.0 h5py==3.12.1 markdown-it-py==3.0.0 mdurl==0.1.2
    ml-dtypes==0.5.0 namex==0.0.8 optree==0.13.1 packaging==24.2 pygments==2.18.0 rich==13.9.4
    typing-extensions==4.12.2 jax==0.4.34 jaxlib==0.4.34 opt-einsum==3.4.0 scipy==1.13.1
    safetensors==0.4.5 onnx==1.17.0 onnxruntime==1.20.1 flatbuffers==24.3.25 protobuf==5.28.3)
readonly build gpu_tools gpu_wheels intel intel_wheels frameworks framework_wheels

fail() {
    echo "install-dependencies: $*" >&2
    exit 1
}

# The presence of a tool or library is what counts, not how it was installed. Each row: how to
# find it, then the Debian package that has it.
has_command() { command -v "$1" >/dev/null 2>&1; }
has_library() { has_command pkg-config && pkg-config --exists "$1"; }
has_foreign() { [ -e "/usr/lib/aarch64-linux-gnu/pkgconfig/$1.pc" ]; }
has_file() { [ -e "$1" ]; }
has_header() { has_command gcc && echo "#include <$1>" | gcc -E - >/dev/null 2>&1; }
has_sanitizer() {
    has_command clang &&
        echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -x c - -fsanitize="$1" -o /dev/null >/dev/null 2>&1
}
has_module() { has_command python3 && python3 -c "import $1" 2>/dev/null; }
has_system_module() { [ -x /usr/bin/python3 ] && /usr/bin/python3 -c "import $1" 2>/dev/null; }

rows() {
    case $1 in
    build)
        echo has_command gcc gcc
        echo has_command cmake cmake
        echo has_command ninja ninja-build
        echo has_command pkg-config pkg-config
        echo has_library zlib zlib1g-dev
        echo has_library jansson libjansson-dev
        echo has_library libprotobuf-c libprotobuf-c-dev
        echo has_command protoc-c protobuf-c-compiler
        echo has_library hdf5 libhdf5-dev
        echo has_library libpng libpng-dev
        echo has_library libjpeg libjpeg-dev
        echo has_header CL/cl.h opencl-c-headers
        echo has_header clblast_c.h libclblast-dev
        ;;
    test)
        echo has_library cmocka libcmocka-dev
        echo has_file /etc/OpenCL/vendors/pocl.icd pocl-opencl-icd
        ;;
    clang)
        echo has_command clang clang
        ;;
    fuzz)
        echo has_command clang clang
        echo has_sanitizer fuzzer,address,undefined libclang-rt-dev
        ;;
    style)
        echo has_command clang-format clang-format
        echo has_command shellcheck shellcheck
        ;;
    analysis)
        echo has_command clang-tidy clang-tidy
        echo has_command cppcheck cppcheck
        echo has_command jq jq
        ;;
    coverage)
        echo has_command gcovr gcovr
        ;;
    cross)
        echo has_command aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
        echo has_command qemu-aarch64-static qemu-user-static
        echo has_file /usr/aarch64-linux-gnu/lib/libc.so.6 libc6-dev-arm64-cross
        echo has_foreign cmocka libcmocka-dev:arm64
        echo has_foreign zlib zlib1g-dev:arm64
        echo has_foreign jansson libjansson-dev:arm64
        ;;
    gpu)
        echo has_command clang-15 clang-15
        echo has_file /usr/lib/clc/amdgcn--amdhsa.bc libclc-15
        echo has_command ocloc intel-opencl-icd
        echo has_module pip python3-pip
        ;;
    intel)
        echo has_file /etc/OpenCL/vendors/pocl.icd pocl-opencl-icd
        echo has_module pip python3-pip
        ;;
    frameworks)
        echo has_system_module ensurepip python3-venv
        echo has_system_module torch python3-torch
        ;;
    oclgrind)
        echo has_command oclgrind oclgrind
        ;;
    *) fail "unknown group \"$1\"; the first lines of this script list them" ;;
    esac
}

packages=()
for group in "$@"; do
    table=$(rows "$group")
    while read -r probe name package; do
        "$probe" "$name" || packages+=("$package")
    done <<<"$table"
done

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

if [ ${#packages[@]} -gt 0 ]; then
    has_command apt-get ||
        fail "this system has no apt-get; install what Debian calls: ${packages[*]}"
    foreign=no
    if [[ " ${packages[*]} " == *:arm64\ * ]]; then
        # On other Debian-like systems the packages of a foreign architecture come from other
        # servers, and to name it without them would break every later update of the package lists.
        [ "$(sed -n 's/^ID=//p' /etc/os-release) $(dpkg --print-architecture)" = "debian amd64" ] ||
            fail "only Debian for amd64 can add these by itself: ${packages[*]}"
        dpkg --print-foreign-architectures | grep -qx arm64 || foreign=new
    fi
    # Before anything is announced or changed; and a refusal by sudo is no fault of apt-get.
    [ "$(id -u)" -eq 0 ] || { has_command sudo && sudo true; } ||
        fail "as root, or with sudo, install: ${packages[*]}"
    if [ "$foreign" = new ]; then
        as_root dpkg --add-architecture arm64
        trap 'as_root dpkg --remove-architecture arm64' EXIT # Unless what needs it is installed.
    fi
    echo "Installing: ${packages[*]}"
    as_root apt-get -qq update || fail "apt-get could not update the lists of packages"
    # A new machine may be busy upgrading itself: that is waited for, as many seconds as this says.
    as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes \
        apt-get -qq -o DPkg::Lock::Timeout=600 install -y --no-install-recommends \
        "${packages[@]}" >/dev/null || fail "apt-get could not install: ${packages[*]}"
    trap - EXIT
fi

if [[ " $* " == *' gpu '* ]] && [ ! -x "$gpu_tools/nvidia/cu13/bin/nvdisasm" ]; then
    echo "Installing in $gpu_tools: ${gpu_wheels[*]}"
    python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check \
        --no-deps --upgrade --target "$gpu_tools" "${gpu_wheels[@]}" ||
        fail "pip could not install: ${gpu_wheels[*]}"
fi

# The wheels hold libraries for a prefix of Python's, where pip would not put them without changing
# the system. The folder "alone" is for OCL_ICD_VENDORS, and "both" has PoCL beside it.
install_intel() {
    echo "Installing in $intel: ${intel_wheels[*]}"
    rm -rf "$intel"
    mkdir -p "$intel/wheels" "$intel/alone" "$intel/both"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --dest "$intel/wheels" "${intel_wheels[@]}" ||
        fail "pip could not download: ${intel_wheels[*]}"
    local wheel
    for wheel in "$intel"/wheels/*.whl; do
        python3 -m zipfile -e "$wheel" "$intel/wheels"
        rm "$wheel"
    done
    cp /etc/OpenCL/vendors/pocl.icd "$intel/both"
    echo "$intel/lib/libintelocl.so" | tee "$intel/both/intel.icd" >"$intel/alone/intel.icd"
    mkdir "$intel/unpacked"
    mv "$intel"/wheels/*.data/data/lib/* "$intel/unpacked"
    # A loader that would take the place of the system's.
    rm -rf "$intel/wheels" "$intel"/unpacked/libOpenCL.so*
    mv "$intel/unpacked" "$intel/lib"
}

if [[ " $* " == *' intel '* ]] && [ ! -e "$intel/lib/libintelocl.so" ]; then
    install_intel
fi

# Debian's PyTorch is a tenth of that of PyPI, which brings the libraries of a graphics processor.
install_frameworks() {
    echo "Installing in $frameworks: ${framework_wheels[*]}"
    rm -rf "$frameworks.new"
    /usr/bin/python3 -m venv --system-site-packages "$frameworks.new"
    "$frameworks.new/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: "${framework_wheels[@]}" ||
        fail "pip could not install: ${framework_wheels[*]}"
    mv "$frameworks.new" "$frameworks"
}

if [[ " $* " == *' frameworks '* ]] && [ ! -e "$frameworks" ]; then
    install_frameworks
fi

if has_command cmake; then
    version=$(cmake --version | sed -n 's/^cmake version \([0-9.]*\).*/\1/p')
    [ "$(printf '%s\n' "$cmake_minimum" "$version" | sort -V | head -n 1)" = "$cmake_minimum" ] ||
        fail "CMake $cmake_minimum or newer is needed, and this is $version"
fi
