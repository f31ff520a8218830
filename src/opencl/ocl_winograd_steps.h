// SPDX-License-Identifier: Apache-2.0
// The transforms of cl/winograd.cl as steps of a plan, and the parts of scratch between them.
#ifndef CLEF_OCL_WINOGRAD_STEPS_H
#define CLEF_OCL_WINOGRAD_STEPS_H

#include "opencl/ocl_winograd.h"

// How a result is cut into tiles.
struct ocl_winograd_tiles {
    const struct ocl_winograd *winograd;
    int lines, columns;     // Of tiles.
    size_t rows;            // Tiles of all images.
    int origin_y, origin_x; // From a tile's first position to the first that it reads.
};
struct ocl_winograd_tiles ocl_winograd_tile(const struct ocl_winograd *winograd,
                                            const struct clef_tensor *target, int pad_top,
                                            int pad_left);

// Values of a tile.
size_t ocl_winograd_points(const struct ocl_winograd *winograd);

// Floats of an item's vectors: no more than the processor's own have, since a tile of 36 vectors is
// more than there are registers as it is.
int ocl_winograd_width(const struct ocl_context *ocl, int channels);

// The most with which weights are transposed: of vectors of 16 compilers make a multiple of the
// instructions.
#define OCL_WINOGRAD_TRANSPOSED_WIDTH 8

// A width that the channels of both images are a whole number of.
int ocl_winograd_common_width(const struct ocl_context *ocl, const struct clef_tensor *source,
                              const struct clef_tensor *target);

// What a group of a processor keeps in local memory at most: a part of the second-level cache,
// which weights or rows share.
#define OCL_WINOGRAD_GROUP_FLOATS ((size_t)48 << 10)

// Whole cache lines, from so many on an odd number of them: a part of each row, or the same element
// of all points, then does not fall on few sets of a cache.
size_t ocl_winograd_spread(size_t floats, size_t from);

// Flags of what finishes a result, as in cl/winograd_tiles.h.
int ocl_winograd_flags(const struct clef_tensor *bias, const struct clef_tensor *addend, bool relu);

// The distance between the rows of weights of two points, as in cl/winograd_tiles.h.
int ocl_winograd_weight_rows(int channels);

// Parts of scratch, one behind the other; `used` is what those before took, and grows. Where
// scratch is NULL they have no buffer.
struct clef_tensor ocl_winograd_values(const struct ocl_winograd_tiles *tiles, int channels,
                                       const struct clef_tensor *scratch, size_t *used);
struct clef_tensor ocl_winograd_weights(const struct ocl_winograd *winograd, int in, int out,
                                        const struct clef_tensor *scratch, size_t *used);

void ocl_winograd_launch_input(struct ocl_plan *build, const struct ocl_context *ocl,
                               const struct ocl_winograd_tiles *tiles,
                               const struct clef_tensor *source, const struct clef_tensor *values);

// Both factors of the weights' gradient.
void ocl_winograd_launch_factors(struct ocl_plan *build, const struct ocl_context *ocl,
                                 const struct ocl_winograd_tiles *tiles,
                                 const struct clef_tensor *src, const struct clef_tensor *values,
                                 const struct clef_tensor *diff_dst,
                                 const struct clef_tensor *gradients);

// `bias` and `addend` may be NULL.
void ocl_winograd_launch_output(struct ocl_plan *build, const struct ocl_context *ocl,
                                const struct ocl_winograd_tiles *tiles,
                                const struct clef_tensor *values, const struct clef_tensor *bias,
                                const struct clef_tensor *addend, bool relu,
                                const struct clef_tensor *target);

void ocl_winograd_launch_weights(struct ocl_plan *build, const struct ocl_context *ocl,
                                 const struct ocl_winograd *winograd,
                                 const struct clef_tensor *weights, int in, int out,
                                 const struct clef_tensor *values);

// For backward_data; `in` and `out` are those of the weights as they are.
void ocl_winograd_launch_weights_transposed(struct ocl_plan *build, const struct ocl_context *ocl,
                                            const struct ocl_winograd *winograd,
                                            const struct clef_tensor *weights, int in, int out,
                                            const struct clef_tensor *values);

void ocl_winograd_launch_weights_gradient(struct ocl_plan *build, const struct ocl_context *ocl,
                                          const struct ocl_winograd *winograd,
                                          const struct clef_tensor *values, int in, int out,
                                          const struct clef_tensor *diff_weights);

#endif
