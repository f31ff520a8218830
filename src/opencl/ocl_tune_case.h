// SPDX-License-Identifier: Apache-2.0
// A problem that is tuned for: tensors of its shapes with data of its own, and the measurement of
// one way to solve it.
//
// The data are small whole numbers, whose sums are exact in any order, so that a result is right or
// wrong and never a matter of rounding. The first measurement is compared with sums made here, in
// double precision, at some elements; what it then computed is what all others must compute.
#ifndef CLEF_OCL_TUNE_CASE_H
#define CLEF_OCL_TUNE_CASE_H

#include "opencl/ocl_conv2d_problem.h"

#define OCL_CONV2D_CLBLAST "clblast" // The alternative by CLBlast.

struct ocl_tune_case {
    struct ocl_context *ocl;
    struct ocl_conv2d_problem problem;
    char key[OCL_CONV2D_KEY_SIZE];
    int count; // How often a step solves it.
    double flops;
    double work;    // Multiply-adds of its matrix product.
    double product; // Those of one chain, by which CLBlast chooses a kernel.
    struct clef_tensor image, result, weights;
    float *host_image, *host_result, *host_weights; // Whole buffers.
    float *trusted; // The output's whole buffer after the first measurement; NULL before.
};

// What came out of a measurement.
struct ocl_tune_time {
    double seconds; // Of one run; the least of several.
    bool wrong;     // It computed something else.
};

// Makes a case for a problem. Release with ocl_tune_case_free, which accepts one that is all zero.
clef_status ocl_tune_case_create(struct ocl_context *ocl, const struct ocl_conv2d_problem *problem,
                                 struct ocl_tune_case *result);
void ocl_tune_case_free(struct ocl_tune_case *tuned);

// Measures an alternative of the device, NULL for its own choice. Gives up early, with what it has
// by then, when it is clear that it takes longer than `limit` seconds. Fails if the device does.
clef_status ocl_tune_case_measure(struct ocl_tune_case *tuned, const char *choice, double limit,
                                  struct ocl_tune_time *time);

#endif
