// SPDX-License-Identifier: Apache-2.0
// Which convolutions a Winograd algorithm serves, and which it is taken for.
#include "opencl/ocl_winograd.h"

#include "opencl/ocl_winograd_steps.h"

#include <stdlib.h>
#include <string.h>

#define BEST "winograd"

// The transformed tensors take at most so many floats, that is 256 MiB: they are larger than the
// tensors themselves, and images that large have enough work for the direct algorithm.
#define MOST_VALUES ((double)(1 << 26))

// What "winograd" asks of a problem: transforms cost as much as products of a few channels.
#define LEAST_CHANNELS 32
#define LEAST_EXTENT 4

static const struct ocl_winograd algorithms[] = {
    {"winograd-4x4", "winograd-4x4", 44, 6, 4, 0},
    {"winograd-2x2", "winograd-2x2", 22, 4, 2, 0},
    {"toeplitz-2x2", "toeplitz-2x2", 33, 3, 2, 1},
};
#define COUNT (sizeof algorithms / sizeof algorithms[0])

static const struct ocl_winograd *find(const char *name)
{
    for (size_t i = 0; name && i < COUNT; i++)
        if (strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    return NULL;
}

bool ocl_winograd_is_choice(const char *value)
{
    return strcmp(value, BEST) == 0 || find(value);
}

// Whether each of the three taps of an axis meets the image somewhere. Weights that are never met
// must not be read, nor their gradients written.
static bool reaches_all(int image, int result, int pad)
{
    for (int tap = 0; tap < 3; tap++) {
        int first = pad - tap > 0 ? pad - tap : 0; // Position whose tap is inside.
        if (first >= result || first - pad + tap >= image)
            return false;
    }
    return true;
}

static bool is_two_by_two(const struct ocl_conv2d_problem *p)
{
    return p->image.h == 2 && p->image.w == 2 && p->result.h == 2 && p->result.w == 2 &&
           p->window.pad_top == 1 && p->window.pad_left == 1;
}

// The floats of both transformed tensors.
static double values_of(const struct ocl_winograd *winograd, const struct ocl_conv2d_problem *p)
{
    const struct clef_tensor *target =
        p->op == CLEF_OP_conv2d_backward_data ? &p->image : &p->result;
    struct ocl_winograd_tiles tiles = ocl_winograd_tile(winograd, target, 0, 0);
    return (double)ocl_winograd_points(winograd) * (double)tiles.rows *
           ((double)p->image.c + p->result.c);
}

static bool serves(const struct ocl_winograd *winograd, const struct ocl_context *ocl,
                   const struct ocl_conv2d_problem *p)
{
    const struct clef_window *w = &p->window;
    if (w->kernel_h != 3 || w->kernel_w != 3 || w->stride_h != 1 || w->stride_w != 1)
        return false;
    if (winograd->skipped > 0 && !is_two_by_two(p))
        return false;
    // A single position, as of a dense layer, has no neighbours to share products with.
    if (p->result.h == 1 && p->result.w == 1)
        return false;
    double values = values_of(winograd, p);
    return reaches_all(p->image.h, p->result.h, w->pad_top) &&
           reaches_all(p->image.w, p->result.w, w->pad_left) && values <= MOST_VALUES &&
           values * sizeof(float) <= (double)ocl->caps.max_buffer / 2;
}

// What "winograd" stands for.
static const struct ocl_winograd *best_for(const struct ocl_conv2d_problem *p)
{
    if (is_two_by_two(p))
        return find("toeplitz-2x2");
    bool large = p->image.h >= LEAST_EXTENT && p->image.w >= LEAST_EXTENT &&
                 p->image.c >= LEAST_CHANNELS && p->result.c >= LEAST_CHANNELS;
    return large ? find("winograd-4x4") : NULL;
}

const struct ocl_winograd *ocl_winograd_choose(const struct ocl_context *ocl,
                                               const struct ocl_conv2d_problem *problem)
{
    const char *name = ocl->preferred ? ocl->preferred : getenv("CLEF_CONV");
    const struct ocl_winograd *winograd = find(name);
    if (name && strcmp(name, BEST) == 0)
        winograd = best_for(problem);
    return winograd && serves(winograd, ocl, problem) ? winograd : NULL;
}

bool ocl_winograd_declines(const struct ocl_context *ocl, const char *alternative,
                           const struct ocl_conv2d_problem *problem)
{
    const struct ocl_winograd *winograd = find(alternative);
    return winograd && !serves(winograd, ocl, problem);
}
