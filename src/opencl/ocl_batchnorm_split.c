// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_batchnorm.h"
#include "opencl/ocl_program.h"

#include <stdio.h>

// On a processor an item has whole cache lines. Of one chunk it has few channels, so that several
// items share the tensor. Of several it has whole rows as far as that goes: items that write parts
// of the same rows wait for each other, since a processor reads on into what is another's. Its
// elements are then few against a large tensor and many against the cost of an item. A tensor of
// twice as many rows is still one chunk, since another launch would cost more.
#define CPU_SINGLE_ROWS 512
#define CPU_LEAST_CHANNELS 64
#define CPU_MOST_CHANNELS 256
#define CPU_CHUNK_ELEMENTS (16 << 10)

// An item of the last pass adds the sums of the chunks by itself where these are so much fewer than
// its rows. Else a launch joins them.
#define MOST_JOINED 8

// Rows of an item of a graphics processor: few, to have many items, until there are enough of
// those.
#define GPU_MIN_ROWS 16
#define GPU_MAX_ROWS 128
#define GPU_CHUNKS 256
#define GPU_GROUP 256
#define GPU_LANES 32

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

static void split_for_cpu(struct ocl_batchnorm_split *split)
{
    bool single = split->rows <= CPU_SINGLE_ROWS;
    int channels = CPU_LEAST_CHANNELS;
    while (!single && channels < split->channels && channels < CPU_MOST_CHANNELS)
        channels *= 2;
    split->lanes = split->item_rows = 1;
    split->span = channels / split->width;
    split->chunk_rows = single ? split->rows : CPU_CHUNK_ELEMENTS / channels;
}

static void split_for_gpu(int group, struct ocl_batchnorm_split *split)
{
    split->lanes = group < GPU_LANES ? group : GPU_LANES;
    split->item_rows = group / split->lanes;
    split->span = 1;
    int single = 2 * GPU_MIN_ROWS * split->item_rows;
    int rows = clamp(split->rows / (split->item_rows * GPU_CHUNKS), GPU_MIN_ROWS, GPU_MAX_ROWS);
    split->chunk_rows = split->rows <= single ? split->rows : rows * split->item_rows;
}

static void write_options(struct ocl_batchnorm_split *split)
{
    snprintf(split->options, sizeof split->options, "-D WIDTH=%d -D SPAN=%d -D LANES=%d -D ROWS=%d",
             split->width, split->span, split->lanes, split->item_rows);
}

clef_status ocl_batchnorm_split(struct ocl_context *ocl, enum ocl_batchnorm_program program,
                                const struct clef_tensor *tensor, struct ocl_batchnorm_split *split)
{
    // The largest kernel of each.
    static const struct {
        const char *source, *kernel;
    } programs[] = {
        [OCL_BATCHNORM_FORWARD] = {"batchnorm", "batchnorm_train"},
        [OCL_BATCHNORM_BACKWARD] = {"batchnorm_backward", "batchnorm_backward"},
    };
    size_t rows = clef_tensor_rows(tensor);
    CLEF_TRY(ocl_check_rows("batch normalisation", rows));
    *split = (struct ocl_batchnorm_split){
        .channels = tensor->c, .rows = (int)rows, .width = ocl_channel_width(ocl, tensor->c)};
    size_t group = ocl_is_cpu(ocl) ? 1 : ocl_group_size(ocl, GPU_GROUP);
    for (bool takes = false; !takes; group /= 2) {
        if (ocl_is_cpu(ocl))
            split_for_cpu(split);
        else
            split_for_gpu((int)group, split);
        write_options(split);
        takes = group == 1;
        if (!takes)
            CLEF_TRY(ocl_kernel_takes(ocl, programs[program].source, split->options,
                                      programs[program].kernel, group, &takes));
    }
    split->chunks = (int)ocl_groups(rows, (size_t)split->chunk_rows);
    split->joins = split->chunks * MOST_JOINED > split->chunk_rows / split->item_rows;
    return CLEF_OK;
}

size_t ocl_batchnorm_scratch(const struct ocl_batchnorm_split *split)
{
    if (split->chunks == 1)
        return 0;
    size_t parts = (size_t)split->chunks + (split->joins ? 1 : 0);
    return ocl_groups(2 * parts * (size_t)split->channels, 16) * 16; // Whole cache lines.
}

// `span` vectors of each work-item.
static void launch_groups(struct ocl_plan *plan, const struct ocl_batchnorm_split *split, int span,
                          size_t item_rows, size_t chunks, struct ocl_launch *launch)
{
    launch->options = split->options;
    launch->local[0] = (size_t)split->lanes;
    launch->local[1] = item_rows;
    launch->global[0] = ocl_groups((size_t)split->channels, (size_t)split->width * (size_t)span);
    launch->global[1] = item_rows * chunks;
    ocl_plan_launch(plan, launch);
}

void ocl_batchnorm_launch(struct ocl_plan *plan, const struct ocl_batchnorm_split *split,
                          struct ocl_launch launch)
{
    launch_groups(plan, split, split->span, (size_t)split->item_rows, (size_t)split->chunks,
                  &launch);
}

struct ocl_batchnorm_sums ocl_batchnorm_join(struct ocl_plan *plan,
                                             const struct ocl_batchnorm_split *split,
                                             const char *source, const char *kernel,
                                             const struct clef_tensor *scratch)
{
    if (!split->joins)
        return (struct ocl_batchnorm_sums){0, split->chunks};
    size_t skip = 2 * (size_t)split->chunks * (size_t)split->channels;
    struct ocl_launch launch = {
        .source = source,
        .kernel = kernel,
        .args = {OCL_TENSOR(scratch), OCL_PART(scratch, skip), OCL_INT(split->channels),
                 OCL_INT(split->chunks)},
    };
    launch_groups(plan, split, 1, 1, 1, &launch);
    return (struct ocl_batchnorm_sums){skip, 1};
}
