// SPDX-License-Identifier: Apache-2.0
// The algorithms of a convolution that a user can ask for by name. The names are those of all
// backends, so that one setting can be used whatever the device: what a backend does not have, or
// what does not serve a shape, is computed directly.
#ifndef CLEF_OPS_CONV2D_CHOICE_H
#define CLEF_OPS_CONV2D_CHOICE_H

#include "core/error.h"
#include "device/backend.h"

#define CLEF_CONV2D_ALGORITHM_LIST(X) \
    X(DIRECT, "direct")               \
    X(WINOGRAD_2X2, "winograd-2x2")   \
    X(WINOGRAD_4X4, "winograd-4x4")   \
    X(TOEPLITZ_2X2, "toeplitz-2x2")   \
    X(CLBLAST, "clblast")             \
    X(WINOGRAD, "winograd") // The best of these kinds for each shape, also none.

enum clef_conv2d_algorithm {
    CLEF_CONV2D_DEFAULT, // The backend's own choice.
#define CLEF_CONV2D_ENUM(id, name) CLEF_CONV2D_##id,
    CLEF_CONV2D_ALGORITHM_LIST(CLEF_CONV2D_ENUM)
#undef CLEF_CONV2D_ENUM
        CLEF_CONV2D_ALGORITHM_COUNT
};

// CLEF_CONV2D_DEFAULT if the name, which may be NULL, is of none.
enum clef_conv2d_algorithm clef_conv2d_find_algorithm(const char *name);

// NULL for CLEF_CONV2D_DEFAULT.
const char *clef_conv2d_algorithm_name(enum clef_conv2d_algorithm algorithm);

// What the environment variable CLEF_CONV asks for: a name for all passes, or a list such as
// "winograd,forward=direct", in which what comes later wins. `op` is one of the three of conv2d.
clef_status clef_conv2d_choice(enum clef_op op, enum clef_conv2d_algorithm *algorithm);

// The algorithm of one pass, never CLEF_CONV2D_DEFAULT or CLEF_CONV2D_WINOGRAD: what is preferred,
// else what CLEF_CONV asks for, or CLEF_CONV2D_DIRECT if that does not serve the shape. Without
// either, what a model of the costs says is the fastest if `by_cost`, else CLEF_CONV2D_DIRECT.
// `src` is the image that the window slides over, whatever the pass.
clef_status clef_conv2d_choose(enum clef_op op, enum clef_conv2d_algorithm preferred, bool by_cost,
                               const struct clef_tensor *src, const struct clef_tensor *dst,
                               const struct clef_window *window,
                               enum clef_conv2d_algorithm *algorithm);

#endif
