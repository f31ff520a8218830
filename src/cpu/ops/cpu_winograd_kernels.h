// SPDX-License-Identifier: Apache-2.0
// The transforms of Winograd's algorithms, in two dimensions: between tiles of an image, or the
// taps of weights, and points.
#ifndef CLEF_CPU_WINOGRAD_KERNELS_H
#define CLEF_CPU_WINOGRAD_KERNELS_H

#include "cpu/cpu_winograd_tiles.h"
#include "cpu/ops/cpu_isa.h"
#include "cpu/ops/cpu_tile_finish.h"

// From a tile of an image to points: `step` floats after an element at one point is the same
// element at the next, as in all that follows. Pixels are as cpu_winograd_find_pixels lists them;
// those beyond the image are zero. Channels up to a multiple of CPU_LANES are written, the unused
// ones zero. `sums` is NULL, or gets the pixels of each channel added, as far up.
typedef void cpu_winograd_tile_kernel(const float *image, const size_t *pixels, int channels,
                                      float *points, size_t step, float *sums);

struct cpu_winograd_kernels {
    int points;                         // In each dimension, as all that follow.
    int outputs;                        // Results of a tile.
    int inputs;                         // Elements of the image that it sees,
    int inset;                          // from this one on: what is before is known to be padding.
    cpu_winograd_tile_kernel *src;      // Of the image that is convolved; sums must be NULL.
    cpu_winograd_tile_kernel *diff_dst; // Of the gradient of the results.
    // Points to results, those inside of the image, finished as `out` says: it has the first pixel
    // of the image, and in `lanes` the number of channels, at most CPU_PANEL.
    void (*dst)(const float *points, size_t step, const size_t *pixels,
                const struct cpu_tile_output *out);
    // Weights to points, for `count` elements of each tap, a multiple of CPU_PANEL; taps are at
    // tap_step from each other.
    void (*weights)(const float *taps, ptrdiff_t tap_step, int count, float *points, size_t step);
    // Points to the gradient of the weights.
    void (*diff_weights)(const float *points, size_t step, int count, float *taps, size_t tap_step);
};

// NULL for algorithms of another kind.
const struct cpu_winograd_kernels *CPU_NAME(winograd_kernels)(enum clef_conv2d_algorithm algorithm);

// Takes `rows` rows of an image, from `first` on, to points, the first to `points`, with the
// strides of image->points.
void CPU_NAME(winograd_to_points)(cpu_winograd_tile_kernel *kernel,
                                  const struct cpu_winograd_tiles *tiles,
                                  const struct cpu_winograd_image *image, int first, int rows,
                                  float *points, float *sums);

#endif
