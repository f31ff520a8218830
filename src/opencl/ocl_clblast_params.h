// SPDX-License-Identifier: Apache-2.0
// The parameters of CLBlast's matrix product, which it takes for each of three kernels, all at
// once: "Xgemm" for large products, "XgemmDirect" for small ones, and "GemmRoutine", the size that
// divides them.
#ifndef CLEF_OCL_CLBLAST_PARAMS_H
#define CLEF_OCL_CLBLAST_PARAMS_H

#include "opencl/ocl_context.h"

enum ocl_clblast_kernel {
    OCL_XGEMM,
    OCL_XGEMM_DIRECT,
    OCL_GEMM_ROUTINE,
    OCL_CLBLAST_KERNELS,
};

#define OCL_CLBLAST_MAX_PARAMS 16

// Of Xgemm. KERNEL 0 keeps tiles of MWG x NWG x KWG, in local memory where SA and SB are 1; KERNEL
// 1 keeps tiles in registers alone.
enum ocl_xgemm_param {
    OCL_GEMMK,
    OCL_KREG,
    OCL_KWG,
    OCL_KWI,
    OCL_MDIMA,
    OCL_MDIMC,
    OCL_MWG,
    OCL_NDIMB,
    OCL_NDIMC,
    OCL_NWG,
    OCL_SA,
    OCL_SB,
    OCL_STRM,
    OCL_STRN,
    OCL_VWM,
    OCL_VWN,
};

// Of XgemmDirect.
enum ocl_xgemm_direct_param {
    OCL_KWID,
    OCL_MDIMAD,
    OCL_MDIMCD,
    OCL_NDIMBD,
    OCL_NDIMCD,
    OCL_PADA,
    OCL_PADB,
    OCL_VWMD,
    OCL_VWND,
    OCL_WGD,
};

// A product of fewer than this to the third power of multiply-adds takes XgemmDirect.
#define OCL_ALWAYS_XGEMM 1
#define OCL_ALWAYS_DIRECT 1000000

struct ocl_clblast_params {
    bool has[OCL_CLBLAST_KERNELS]; // Kernels without keep what CLBlast has for them.
    size_t values[OCL_CLBLAST_KERNELS][OCL_CLBLAST_MAX_PARAMS];
};

// CLBlast's names: of a kernel, how many parameters it has, of a parameter.
const char *ocl_clblast_kernel_name(enum ocl_clblast_kernel kernel);
int ocl_clblast_param_count(enum ocl_clblast_kernel kernel);
const char *ocl_clblast_param_name(enum ocl_clblast_kernel kernel, int param);

// Whether a kernel with these parameters computes the product, and fits the device.
bool ocl_clblast_is_sound(const struct ocl_caps *caps, enum ocl_clblast_kernel kernel,
                          const size_t *values);

// Hands CLBlast the parameters. They hold for the device in the whole process; there is no way
// back to CLBlast's own.
clef_status ocl_clblast_override(struct ocl_context *ocl, const struct ocl_clblast_params *params);

// Parameters for a device whose groups are too small for CLBlast's own; none if they are not.
struct ocl_clblast_params ocl_clblast_small_params(const struct ocl_caps *caps);

#endif
