// SPDX-License-Identifier: Apache-2.0
// What the drivers of the vendors tell of the devices that tests/gpu_compile/run compiles for. The
// name of a device is the name of the target.
#ifndef CLEF_RECORDED_DEVICES_H
#define CLEF_RECORDED_DEVICES_H

#include <stdbool.h>

struct recorded_platform {
    const char *name, *vendor, *version, *c_version, *extensions;
    unsigned vendor_id;
};

static const struct recorded_platform recorded_platforms[] = {
    {"NVIDIA CUDA", "NVIDIA Corporation", "OpenCL 3.0 CUDA", "OpenCL C 1.2",
     "cl_khr_byte_addressable_store cl_khr_fp64", 0x10de},
    {"AMD Accelerated Parallel Processing", "Advanced Micro Devices, Inc.", "OpenCL 2.1 AMD-APP",
     "OpenCL C 2.0", "cl_khr_byte_addressable_store cl_khr_fp64 cl_khr_fp16", 0x1002},
    {"Intel(R) OpenCL HD Graphics", "Intel(R) Corporation", "OpenCL 3.0 NEO", "OpenCL C 1.2",
     "cl_khr_byte_addressable_store cl_khr_fp16 cl_intel_subgroups "
     "cl_intel_required_subgroup_size",
     0x8086},
};

struct recorded_device {
    const char *name;
    int platform;
    unsigned compute_units;
    unsigned max_group, max_items, max_items_z;
    unsigned local_kib, memory_gib;
    unsigned alignment_bits;
    bool host_memory, fp64;
    unsigned smallest_subgroup; // Of Intel's, which are powers of two up to 32; 0 on others.
};

static const struct recorded_device recorded_devices[] = {
    {"sm_75", 0, 40, 1024, 1024, 64, 48, 16, 4096, false, true, 0},    // T4
    {"sm_80", 0, 108, 1024, 1024, 64, 48, 40, 4096, false, true, 0},   // A100
    {"sm_90", 0, 132, 1024, 1024, 64, 48, 80, 4096, false, true, 0},   // H100
    {"gfx900", 1, 64, 256, 1024, 1024, 64, 8, 2048, false, true, 0},   // Radeon RX Vega 64
    {"gfx90a", 1, 104, 256, 1024, 1024, 64, 64, 2048, false, true, 0}, // Instinct MI210
    {"gfx1030", 1, 40, 256, 1024, 1024, 64, 16, 2048, false, true, 0}, // Radeon RX 6900 XT
    {"gfx1100", 1, 48, 256, 1024, 1024, 64, 24, 2048, false, true, 0}, // Radeon RX 7900 XTX
    {"skl", 2, 24, 256, 256, 256, 64, 12, 1024, true, true, 8},        // HD Graphics 530
    {"tgllp", 2, 96, 512, 512, 512, 64, 12, 1024, true, false, 8},     // Iris Xe
    {"dg2", 2, 512, 1024, 1024, 1024, 64, 15, 1024, false, false, 8},  // Arc A770
    {"pvc", 2, 448, 1024, 1024, 1024, 128, 48, 1024, false, true, 16}, // Data Center GPU Max 1100
};

#endif
