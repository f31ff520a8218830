// SPDX-License-Identifier: Apache-2.0
// fill, copy and cast. A dense tensor is one run of elements, and so is a pair of the same layout;
// all others are walked in the destination's order.
#include "opencl/ocl_plan.h"

// Extents and strides with the axes from the largest stride of `dst` to the smallest, as the
// kernels `copy_rows` and `cast_bytes_rows` walk them.
struct walk {
    size_t extent[3], src[3], dst[3];
};

static struct walk walk_of(const struct clef_tensor *src, const struct clef_tensor *dst)
{
    struct walk w = {{(size_t)dst->n, (size_t)dst->h, (size_t)dst->w},
                     {src->stride_n, src->stride_h, src->stride_w},
                     {dst->stride_n, dst->stride_h, dst->stride_w}};
    for (int i = 1; i < 3; i++) // Insertion sort.
        for (int j = i; j > 0 && w.dst[j] > w.dst[j - 1]; j--) {
            size_t *const rows[] = {w.extent, w.src, w.dst};
            for (int r = 0; r < 3; r++) {
                size_t other = rows[r][j];
                rows[r][j] = rows[r][j - 1];
                rows[r][j - 1] = other;
            }
        }
    return w;
}

// As OCL_STRIDES takes them, which checks that a kernel can.
static struct clef_tensor strides_of(const size_t strides[3])
{
    return (struct clef_tensor){
        .stride_n = strides[0], .stride_h = strides[1], .stride_w = strides[2]};
}

static bool is_flat(const struct clef_tensor *src, const struct clef_tensor *dst)
{
    return clef_tensor_is_dense(dst) && clef_tensor_same_layout(src, dst);
}

static struct clef_plan_info describe(const struct clef_tensor *dst, double element_bytes,
                                      bool flat)
{
    return (struct clef_plan_info){
        .bytes = element_bytes * (double)clef_tensor_count(dst),
        .algorithm = flat ? "flat" : "row-wise",
    };
}

clef_status ocl_fill(void *context, const struct clef_fill_args *args,
                     const struct clef_tensor *scratch, struct clef_plan_info *info,
                     struct clef_plan **plan)
{
    (void)scratch;
    *info = describe(args->dst, sizeof(float), true);
    if (!plan)
        return CLEF_OK;
    size_t count = clef_tensor_count(args->dst);
    struct ocl_plan *build = ocl_plan_begin(context);
    ocl_plan_launch(build,
                    &(struct ocl_launch){
                        .source = "memory",
                        .kernel = "fill",
                        .global = {count},
                        .args = {OCL_TENSOR(args->dst), OCL_ULONG(count), OCL_FLOAT(args->value)},
                    });
    return ocl_plan_end(build, plan);
}

clef_status ocl_copy(void *context, const struct clef_copy_args *args,
                     const struct clef_tensor *scratch, struct clef_plan_info *info,
                     struct clef_plan **plan)
{
    (void)scratch;
    bool flat = is_flat(args->src, args->dst);
    *info = describe(args->dst, 2 * sizeof(float), flat);
    if (!plan)
        return CLEF_OK;
    size_t count = clef_tensor_count(args->dst), c = (size_t)args->dst->c;
    struct walk w = walk_of(args->src, args->dst);
    const struct clef_tensor src = strides_of(w.src), dst = strides_of(w.dst);
    struct ocl_launch all = {
        .source = "memory",
        .kernel = "copy",
        .global = {count},
        .args = {OCL_TENSOR(args->src), OCL_TENSOR(args->dst), OCL_ULONG(count)},
    };
    struct ocl_launch rows = {
        .source = "memory",
        .kernel = "copy_rows",
        .global = {w.extent[2] * c, w.extent[1], w.extent[0]},
        .args = {OCL_TENSOR(args->src), OCL_TENSOR(args->dst),
                 OCL_INT4(w.extent[0], w.extent[1], w.extent[2], c), OCL_STRIDES(&src),
                 OCL_STRIDES(&dst)},
    };
    struct ocl_plan *build = ocl_plan_begin(context);
    ocl_plan_launch(build, flat ? &all : &rows);
    return ocl_plan_end(build, plan);
}

clef_status ocl_cast(void *context, const struct clef_cast_args *args,
                     const struct clef_tensor *scratch, struct clef_plan_info *info,
                     struct clef_plan **plan)
{
    (void)scratch;
    bool flat = is_flat(args->src, args->dst);
    *info = describe(args->dst, sizeof(float) + sizeof(uint8_t), flat);
    info->flops = (double)clef_tensor_count(args->dst);
    if (!plan)
        return CLEF_OK;
    // The quotients of all bytes, computed here: a device's own division may be a little off.
    float quotient[256];
    for (int i = 0; i < 256; i++)
        quotient[i] = (float)i / args->divisor;
    size_t count = clef_tensor_count(args->dst), c = (size_t)args->dst->c;
    struct walk w = walk_of(args->src, args->dst);
    const struct clef_tensor src = strides_of(w.src), dst = strides_of(w.dst);
    struct ocl_plan *build = ocl_plan_begin(context);
    cl_mem table = ocl_plan_table(build, quotient, sizeof quotient);
    struct ocl_launch all = {
        .source = "memory",
        .kernel = "cast_bytes",
        .global = {count},
        .args = {OCL_TENSOR(args->src), OCL_TENSOR(args->dst), OCL_ULONG(count), OCL_MEMORY(table)},
    };
    struct ocl_launch rows = {
        .source = "memory",
        .kernel = "cast_bytes_rows",
        .global = {w.extent[2] * c, w.extent[1], w.extent[0]},
        .args = {OCL_TENSOR(args->src), OCL_TENSOR(args->dst),
                 OCL_INT4(w.extent[0], w.extent[1], w.extent[2], c), OCL_STRIDES(&src),
                 OCL_STRIDES(&dst), OCL_MEMORY(table)},
    };
    ocl_plan_launch(build, flat ? &all : &rows);
    return ocl_plan_end(build, plan);
}
