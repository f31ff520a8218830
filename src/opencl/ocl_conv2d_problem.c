// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_problem.h"
#include "opencl/ocl_plan.h"
#include "opencl/ocl_tuned.h"

#include <stdio.h>
#include <stdlib.h>

// Without what does not matter: where the elements lie.
static struct clef_tensor shape_of(const struct clef_tensor *tensor)
{
    struct clef_tensor shape = *tensor;
    shape.buffer = NULL;
    shape.offset = 0;
    return shape;
}

struct ocl_conv2d_problem ocl_conv2d_problem(enum clef_op op, const struct clef_tensor *image,
                                             const struct clef_tensor *result,
                                             const struct clef_window *window)
{
    return (struct ocl_conv2d_problem){
        .op = op, .image = shape_of(image), .result = shape_of(result), .window = *window};
}

// The extents and the order of the rows: "64x8x8x64 hwnc".
static int print_tensor(char *text, size_t size, const struct clef_tensor *t)
{
    struct clef_tensor nhwc = clef_tensor_nhwc(NULL, 0, t->n, t->h, t->w, t->c);
    struct clef_tensor hwnc = clef_tensor_hwnc(NULL, 0, t->n, t->h, t->w, t->c);
    int length = snprintf(text, size, "%dx%dx%dx%d ", t->n, t->h, t->w, t->c);
    char *order = text + length;
    size -= (size_t)length;
    if (clef_tensor_same_layout(t, &nhwc))
        return length + snprintf(order, size, "nhwc");
    if (clef_tensor_same_layout(t, &hwnc))
        return length + snprintf(order, size, "hwnc");
    return length +
           snprintf(order, size, "strides %zu,%zu,%zu", t->stride_n, t->stride_h, t->stride_w);
}

void ocl_conv2d_problem_key(const struct ocl_conv2d_problem *problem, char key[OCL_CONV2D_KEY_SIZE])
{
    const struct clef_window *w = &problem->window;
    char image[96], result[96];
    print_tensor(image, sizeof image, &problem->image);
    print_tensor(result, sizeof result, &problem->result);
    snprintf(key, OCL_CONV2D_KEY_SIZE, "%s %s, %s, kernel %dx%d, stride %dx%d, pad %d,%d",
             clef_op_name(problem->op), image, result, w->kernel_h, w->kernel_w, w->stride_h,
             w->stride_w, w->pad_top, w->pad_left);
}

// ---------------------------------------------------------------- planning

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value;
}

struct ocl_conv2d_planning ocl_conv2d_begin(struct ocl_context *ocl, enum clef_op op,
                                            const struct clef_tensor *image,
                                            const struct clef_tensor *result,
                                            const struct clef_window *window)
{
    struct ocl_conv2d_planning planning = {.ocl = ocl,
                                           .problem = ocl_conv2d_problem(op, image, result, window),
                                           .preferred = ocl->preferred};
    if (!ocl->preferred && !is_set("CLEF_CONV") && !is_set("CLEF_CONV_CONFIG"))
        ocl->preferred = ocl_tuned_choice(ocl, &planning.problem);
    return planning;
}

clef_status ocl_conv2d_end(const struct ocl_conv2d_planning *planning, clef_status status,
                           struct clef_plan **plan)
{
    planning->ocl->preferred = planning->preferred;
    if (status != CLEF_OK || !plan)
        return status;
    return ocl_plan_set_problem(plan, &planning->problem, sizeof planning->problem);
}
