// SPDX-License-Identifier: Apache-2.0
// Backward batch normalisation, see cl/batchnorm_backward.cl.
#include "opencl/ocl_batchnorm.h"

// As IMAGE_PARAMETERS and CHANNEL_PARAMETERS.
#define IMAGES(args, split)                                                                    \
    OCL_TENSOR((args)->src), OCL_TENSOR((args)->relu ? (args)->dst : NULL),                    \
        OCL_TENSOR((args)->diff_dst), OCL_TENSOR((args)->diff_src),                            \
        OCL_TENSOR((args)->diff_residual), OCL_INT((split)->channels), OCL_INT((split)->rows), \
        OCL_INT((split)->chunk_rows),                                                          \
        OCL_INT(((args)->relu ? OCL_FUSED_RELU : 0) |                                          \
                ((args)->diff_residual ? OCL_FUSED_RESIDUAL : 0))
#define CHANNELS(args)                                                                            \
    OCL_TENSOR((args)->gamma), OCL_TENSOR((args)->saved_mean), OCL_TENSOR((args)->saved_inv_std), \
        OCL_TENSOR((args)->diff_gamma), OCL_TENSOR((args)->diff_beta)

static void launch_whole(struct ocl_plan *build, const struct ocl_batchnorm_split *split,
                         const struct clef_batchnorm_backward_args *args)
{
    ocl_batchnorm_launch(build, split,
                         (struct ocl_launch){
                             .source = "batchnorm_backward",
                             .kernel = "batchnorm_backward",
                             .args = {IMAGES(args, split), CHANNELS(args)},
                         });
}

static void launch_chunks(struct ocl_plan *build, const struct ocl_batchnorm_split *split,
                          const struct clef_batchnorm_backward_args *args,
                          const struct clef_tensor *scratch)
{
    ocl_batchnorm_launch(
        build, split,
        (struct ocl_launch){
            .source = "batchnorm_backward",
            .kernel = "backward_sum",
            .args = {IMAGES(args, split), OCL_TENSOR(args->saved_mean), OCL_TENSOR(scratch)},
        });
    struct ocl_batchnorm_sums sums =
        ocl_batchnorm_join(build, split, "batchnorm_backward", "backward_join", scratch);
    ocl_batchnorm_launch(build, split,
                         (struct ocl_launch){
                             .source = "batchnorm_backward",
                             .kernel = "backward_gradient",
                             .args = {IMAGES(args, split), CHANNELS(args),
                                      OCL_PART(scratch, sums.skip), OCL_INT(sums.chunks)},
                         });
}

clef_status ocl_batchnorm_backward(void *context, const struct clef_batchnorm_backward_args *args,
                                   const struct clef_tensor *scratch, struct clef_plan_info *info,
                                   struct clef_plan **plan)
{
    struct ocl_batchnorm_split split;
    CLEF_TRY(ocl_batchnorm_split(context, OCL_BATCHNORM_BACKWARD, args->src, &split));
    double count = (double)clef_tensor_count(args->src);
    int tensors = 3 + (args->relu ? 1 : 0) + (args->diff_residual ? 1 : 0);
    *info = (struct clef_plan_info){
        .scratch_floats = ocl_batchnorm_scratch(&split),
        .flops = (9 + (args->relu ? 1 : 0)) * count,
        .bytes = sizeof(float) * (tensors * count + 5.0 * split.channels),
        .algorithm = split.chunks == 1 ? "block-wise" : "chunk-wise",
    };
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    if (split.chunks == 1)
        launch_whole(build, &split, args);
    else
        launch_chunks(build, &split, args, scratch);
    return ocl_plan_end(build, plan);
}
