// SPDX-License-Identifier: Apache-2.0
// Forward and backward_data are one kernel: backward_data is a convolution with the roles of
// channels and filters exchanged, over weights that a kernel of its own has transposed into
// scratch. Where one group alone needs a weight, as in the last stage of a ResNet, nothing would be
// shared by that, and the groups transpose what they need.
#include "opencl/ocl_conv2d_direct.h"

#include "opencl/ocl_conv2d_product.h"

static double bytes_of(const struct clef_tensor *t)
{
    return t ? (double)clef_tensor_count(t) * sizeof(float) : 0;
}

static clef_status choose_config(struct ocl_context *ocl, const struct clef_tensor *target,
                                 const struct ocl_conv2d_config **config)
{
    return ocl_conv2d_choose_config(ocl, OCL_CONV2D, clef_tensor_rows(target),
                                    ocl_conv2d_panels(target), config);
}

// Transposes the taps that the geometry reaches.
static void launch_transposition(struct ocl_plan *build,
                                 const struct clef_conv2d_backward_data_args *args,
                                 const struct ocl_conv2d_geometry *g,
                                 const struct ocl_conv2d_config *config,
                                 const struct clef_tensor *transposed)
{
    size_t count = (size_t)g->reached_count;
    if (count == 0)
        return;
    cl_mem taps = ocl_plan_table(build, g->reached, count * sizeof *g->reached);
    size_t group = config->local ? 64 : 1;
    ocl_plan_launch(build, &(struct ocl_launch){
                               .source = "conv2d_transpose",
                               .kernel = "conv2d_transpose",
                               .options = config->local ? "" : "-D WIDTH=8",
                               .global = {count * group, ocl_conv2d_panels(args->diff_src)},
                               .local = {group},
                               .args = {OCL_TENSOR(args->weights), OCL_TENSOR(transposed),
                                        OCL_MEMORY(taps), OCL_INT(g->kernel_taps),
                                        OCL_INT(args->diff_src->c), OCL_INT(args->diff_dst->c)},
                           });
}

clef_status ocl_conv2d_direct_forward(void *context, const struct clef_conv2d_forward_args *args,
                                      const struct clef_tensor *scratch,
                                      struct clef_plan_info *info, struct clef_plan **plan)
{
    (void)scratch;
    struct ocl_conv2d_geometry geometry;
    const struct ocl_conv2d_config *config;
    CLEF_TRY(choose_config(context, args->dst, &config));
    CLEF_TRY(ocl_conv2d_geometry_create(OCL_CONV2D_FORWARD, args->dst, args->src, &args->window,
                                        &geometry));
    *info = (struct clef_plan_info){
        .flops = 2 * geometry.pairs * args->src->c * args->dst->c,
        .bytes = bytes_of(args->src) + bytes_of(args->weights) + bytes_of(args->dst),
        .algorithm = config->algorithm,
    };
    struct ocl_conv2d_product product = {.source = args->src,
                                         .weights = args->weights,
                                         .target = args->dst,
                                         .bias = args->bias,
                                         .relu = args->relu};
    struct ocl_conv2d_work work = {0};
    clef_status status =
        plan ? ocl_conv2d_product_work(context, config, &product, &geometry, &work) : CLEF_OK;
    if (plan && status == CLEF_OK) {
        struct ocl_plan *build = ocl_plan_begin(context);
        ocl_conv2d_product_launch(build, &product, &geometry, &work);
        status = ocl_plan_end(build, plan);
    }
    ocl_conv2d_work_free(&work);
    ocl_conv2d_geometry_free(&geometry);
    return status;
}

clef_status ocl_conv2d_direct_backward_data(void *context,
                                            const struct clef_conv2d_backward_data_args *args,
                                            const struct clef_tensor *scratch,
                                            struct clef_plan_info *info, struct clef_plan **plan)
{
    struct ocl_conv2d_geometry geometry;
    const struct ocl_conv2d_config *config;
    CLEF_TRY(choose_config(context, args->diff_src, &config));
    CLEF_TRY(ocl_conv2d_geometry_create(OCL_CONV2D_BACKWARD_DATA, args->diff_src, args->diff_dst,
                                        &args->window, &geometry));
    size_t panels = ocl_conv2d_panels(args->diff_src);
    size_t row_floats = (size_t)args->diff_dst->c * OCL_PANEL;
    bool apart = ocl_conv2d_work_is_apart(context, config, &geometry, panels);
    *info = (struct clef_plan_info){
        .scratch_floats = apart ? 0 : panels * (size_t)geometry.kernel_taps * row_floats,
        .flops = 2 * geometry.pairs * args->diff_src->c * args->diff_dst->c,
        .bytes = bytes_of(args->diff_src) + bytes_of(args->weights) + bytes_of(args->diff_dst) +
                 bytes_of(args->addend),
        .algorithm = config->algorithm,
    };
    struct ocl_conv2d_product product = {.source = args->diff_dst,
                                         .weights = apart ? args->weights : scratch,
                                         .target = args->diff_src,
                                         .addend = args->addend,
                                         .transposed = apart};
    struct ocl_conv2d_work work = {0};
    clef_status status =
        plan ? ocl_conv2d_product_work(context, config, &product, &geometry, &work) : CLEF_OK;
    if (plan && status == CLEF_OK) {
        struct ocl_plan *build = ocl_plan_begin(context);
        if (!apart)
            launch_transposition(build, args, &geometry, config, scratch);
        ocl_conv2d_product_launch(build, &product, &geometry, &work);
        status = ocl_plan_end(build, plan);
    }
    ocl_conv2d_work_free(&work);
    ocl_conv2d_geometry_free(&geometry);
    return status;
}
