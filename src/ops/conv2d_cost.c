// SPDX-License-Identifier: Apache-2.0
#include "ops/conv2d_choice.h"

// From this many channels and filters on, the products that Winograd's algorithm saves are worth
// its transforms.
#define MIN_CHANNELS 32

// Winograd's algorithm computes the gradients of all taps from all positions of a tile, so that
// none may be left out.
static bool reaches_all_taps(const struct clef_tensor *src, const struct clef_tensor *dst,
                             const struct clef_window *window)
{
    const struct clef_weights_layout one = {3, 3, 1, 1, 1};
    const int src_size[] = {src->h, src->w}, dst_size[] = {dst->h, dst->w};
    struct clef_extent extents[9];
    return clef_weights_reached(&one, window, src_size, dst_size, extents) == 1 &&
           extents[0].count == 9;
}

static bool is_2x2(const struct clef_tensor *image)
{
    return image->h == 2 && image->w == 2;
}

static bool serves(enum clef_conv2d_algorithm algorithm, const struct clef_tensor *src,
                   const struct clef_tensor *dst, const struct clef_window *window)
{
    if (window->kernel_h != 3 || window->kernel_w != 3 || window->stride_h != 1 ||
        window->stride_w != 1 || !reaches_all_taps(src, dst, window))
        return false;
    if (algorithm == CLEF_CONV2D_TOEPLITZ_2X2)
        return is_2x2(src) && is_2x2(dst) && window->pad_top == 1 && window->pad_left == 1;
    // One result of a tile, as of a dense layer, has no product to share.
    return (algorithm == CLEF_CONV2D_WINOGRAD_2X2 || algorithm == CLEF_CONV2D_WINOGRAD_4X4) &&
           dst->h > 1 && dst->w > 1;
}

static enum clef_conv2d_algorithm best_winograd(const struct clef_tensor *src,
                                                const struct clef_tensor *dst)
{
    if (is_2x2(src))
        return CLEF_CONV2D_TOEPLITZ_2X2;
    bool is_large = src->h >= 4 && src->w >= 4 && src->c >= MIN_CHANNELS && dst->c >= MIN_CHANNELS;
    return is_large ? CLEF_CONV2D_WINOGRAD_4X4 : CLEF_CONV2D_DIRECT;
}

// ---------------------------------------------------------------- by cost

// What a number costs that goes to points or comes from them, and a weight, in multiply-adds of the
// products. `clef bench ops` shows how well this tells which algorithm is faster.
#define VALUE_COST 20
#define WEIGHT_COST 10

// Multiply-adds for one channel and filter of one image: pairs of a result and a tap inside of the
// image.
static double direct_products(const struct clef_tensor *src, const struct clef_tensor *dst,
                              const struct clef_window *window)
{
    int lines = 0, columns = 0;
    for (int y = 0; y < dst->h; y++)
        for (int tap = y - window->pad_top; tap < y - window->pad_top + 3; tap++)
            lines += tap >= 0 && tap < src->h;
    for (int x = 0; x < dst->w; x++)
        for (int tap = x - window->pad_left; tap < x - window->pad_left + 3; tap++)
            columns += tap >= 0 && tap < src->w;
    return (double)lines * columns;
}

// In multiply-adds. A tile of `outputs` x `outputs` results has `points` x `points` points.
static double winograd_cost(int outputs, int points, const struct clef_tensor *src,
                            const struct clef_tensor *dst)
{
    int down = (dst->h + outputs - 1) / outputs, across = (dst->w + outputs - 1) / outputs;
    double tiles = (double)down * across;
    double rows = tiles * dst->n * points * points, weights = (double)src->c * dst->c;
    return rows * weights + VALUE_COST * rows * (src->c + dst->c) +
           WEIGHT_COST * (9.0 + points * points) * weights;
}

// Forward, a rounding error decides which way a ReLU near zero goes, and with it a whole gradient:
// winograd-4x4, whose errors are six times those of the direct sum, is for gradients alone, and
// toeplitz-2x2 was not measured to be faster there.
static enum clef_conv2d_algorithm choose_freely(enum clef_op op, const struct clef_tensor *src,
                                                const struct clef_tensor *dst,
                                                const struct clef_window *window)
{
    static const struct {
        enum clef_conv2d_algorithm algorithm;
        bool forward;
        int outputs, points;
    } candidates[] = {
        {CLEF_CONV2D_WINOGRAD_2X2, true, 2, 4},
        {CLEF_CONV2D_WINOGRAD_4X4, false, 4, 6},
        {CLEF_CONV2D_TOEPLITZ_2X2, false, 2, 3},
    };
    enum clef_conv2d_algorithm best = CLEF_CONV2D_DIRECT;
    double least = direct_products(src, dst, window) * src->n * src->c * dst->c;
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        double cost = winograd_cost(candidates[i].outputs, candidates[i].points, src, dst);
        if (candidates[i].forward == (op == CLEF_OP_conv2d_forward) && cost < least &&
            serves(candidates[i].algorithm, src, dst, window)) {
            best = candidates[i].algorithm;
            least = cost;
        }
    }
    return best;
}

clef_status clef_conv2d_choose(enum clef_op op, enum clef_conv2d_algorithm preferred, bool by_cost,
                               const struct clef_tensor *src, const struct clef_tensor *dst,
                               const struct clef_window *window,
                               enum clef_conv2d_algorithm *algorithm)
{
    CLEF_TRY(clef_conv2d_choice(op, algorithm));
    if (preferred != CLEF_CONV2D_DEFAULT)
        *algorithm = preferred;
    if (*algorithm == CLEF_CONV2D_DEFAULT)
        *algorithm = by_cost ? choose_freely(op, src, dst, window) : CLEF_CONV2D_DIRECT;
    if (*algorithm == CLEF_CONV2D_WINOGRAD)
        *algorithm = best_winograd(src, dst);
    if (*algorithm != CLEF_CONV2D_CLBLAST && !serves(*algorithm, src, dst, window))
        *algorithm = CLEF_CONV2D_DIRECT;
    return CLEF_OK;
}
