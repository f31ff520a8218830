// SPDX-License-Identifier: Apache-2.0
// Forward batch normalisation, see cl/batchnorm.cl.
#include "opencl/ocl_batchnorm.h"
#include "ops/moving_variance.h"

// As IMAGE_PARAMETERS and STATISTICS_PARAMETERS.
#define IMAGES(args, split)                                                               \
    OCL_TENSOR((args)->src), OCL_TENSOR((args)->residual), OCL_TENSOR((args)->dst),       \
        OCL_INT((split)->channels), OCL_INT((split)->rows), OCL_INT((split)->chunk_rows), \
        OCL_INT(((args)->relu ? OCL_FUSED_RELU : 0) | ((args)->residual ? OCL_FUSED_RESIDUAL : 0))
#define STATISTICS(args)                                                                        \
    OCL_TENSOR((args)->gamma), OCL_TENSOR((args)->beta), OCL_TENSOR((args)->moving_mean),       \
        OCL_TENSOR((args)->moving_variance), OCL_TENSOR((args)->saved_mean),                    \
        OCL_TENSOR((args)->saved_inv_std), OCL_FLOAT((args)->momentum),                         \
        OCL_FLOAT(1 - (double)(args)->momentum), OCL_FLOAT(clef_batchnorm_take_variance(args)), \
        OCL_FLOAT((args)->epsilon)

static void launch_whole(struct ocl_plan *build, const struct ocl_batchnorm_split *split,
                         const struct clef_batchnorm_train_args *args)
{
    ocl_batchnorm_launch(build, split,
                         (struct ocl_launch){
                             .source = "batchnorm",
                             .kernel = "batchnorm_train",
                             .args = {IMAGES(args, split), STATISTICS(args)},
                         });
}

static void launch_chunks(struct ocl_plan *build, const struct ocl_batchnorm_split *split,
                          const struct clef_batchnorm_train_args *args,
                          const struct clef_tensor *scratch)
{
    ocl_batchnorm_launch(
        build, split,
        (struct ocl_launch){
            .source = "batchnorm",
            .kernel = "batchnorm_sum",
            .args = {OCL_TENSOR(args->src), OCL_TENSOR(scratch), OCL_INT(split->channels),
                     OCL_INT(split->rows), OCL_INT(split->chunk_rows)},
        });
    struct ocl_batchnorm_sums sums =
        ocl_batchnorm_join(build, split, "batchnorm", "batchnorm_join", scratch);
    ocl_batchnorm_launch(build, split,
                         (struct ocl_launch){
                             .source = "batchnorm",
                             .kernel = "batchnorm_normalise",
                             .args = {IMAGES(args, split), STATISTICS(args),
                                      OCL_PART(scratch, sums.skip), OCL_INT(sums.chunks)},
                         });
}

clef_status ocl_batchnorm_train(void *context, const struct clef_batchnorm_train_args *args,
                                const struct clef_tensor *scratch, struct clef_plan_info *info,
                                struct clef_plan **plan)
{
    struct ocl_batchnorm_split split;
    CLEF_TRY(ocl_batchnorm_split(context, OCL_BATCHNORM_FORWARD, args->src, &split));
    double count = (double)clef_tensor_count(args->src);
    *info = (struct clef_plan_info){
        .scratch_floats = ocl_batchnorm_scratch(&split),
        .flops = (7 + (args->residual ? 1 : 0) + (args->relu ? 1 : 0)) * count,
        .bytes = sizeof(float) * ((args->residual ? 3 : 2) * count + 8.0 * split.channels),
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

clef_status ocl_batchnorm_infer(void *context, const struct clef_batchnorm_infer_args *args,
                                const struct clef_tensor *scratch, struct clef_plan_info *info,
                                struct clef_plan **plan)
{
    struct ocl_batchnorm_split split;
    CLEF_TRY(ocl_batchnorm_split(context, OCL_BATCHNORM_FORWARD, args->src, &split));
    double count = (double)clef_tensor_count(args->src);
    *info = (struct clef_plan_info){
        .flops = (3 + (args->residual ? 1 : 0) + (args->relu ? 1 : 0)) * count,
        .bytes = sizeof(float) * ((args->residual ? 3 : 2) * count + 4.0 * split.channels),
        .algorithm = "direct",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    ocl_batchnorm_launch(build, &split,
                         (struct ocl_launch){
                             .source = "batchnorm",
                             .kernel = "batchnorm_infer",
                             .args = {IMAGES(args, &split), OCL_TENSOR(args->gamma),
                                      OCL_TENSOR(args->beta), OCL_TENSOR(args->moving_mean),
                                      OCL_TENSOR(args->moving_variance), OCL_FLOAT(args->epsilon)},
                         });
    return ocl_plan_end(build, plan);
}
