// SPDX-License-Identifier: Apache-2.0
// Checking the arguments of an op before a backend sees them.
//
// Each op has one `clef_validate_OP`, which names every tensor once as an input or an output, says
// what shapes it must have, and says which pairs may share memory. Messages name the op, the tensor
// and the numbers.
#ifndef CLEF_OPS_VALIDATE_H
#define CLEF_OPS_VALIDATE_H

#include "core/error.h"
#include "device/backend.h"

#define CLEF_MAX_OPERANDS 12 // Tensors of one op; batchnorm_backward has the most, 9, and scratch.

struct clef_operand {
    const char *name;
    const struct clef_tensor *tensor;
    size_t element_size; // Bytes.
    bool is_output;
};

// One check of one op's arguments.
struct clef_validation {
    enum clef_op op;
    const struct clef_device *device; // Buffers must live there.
    int filter_panel;
    bool bound;      // Whether buffers must be there.
    bool takes_step; // The op takes an optimiser's step.
    int operand_count;
    struct clef_operand operands[CLEF_MAX_OPERANDS];
};

#define CLEF_DECLARE_VALIDATE(op)                                 \
    clef_status clef_validate_##op(struct clef_validation *check, \
                                   const struct clef_##op##_args *args);
CLEF_OP_LIST(CLEF_DECLARE_VALIDATE)
#undef CLEF_DECLARE_VALIDATE

// Fails with CLEF_INVALID_ARGUMENT; the text is preceded by the op's name.
clef_status clef_invalid(const struct clef_validation *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Take a tensor into the check: it must be there, have extents of at least 1, and fit in its
// buffer. The rows of an output must not overlap. The optional ones accept NULL.
clef_status clef_check_input(struct clef_validation *check, const char *name,
                             const struct clef_tensor *tensor);
clef_status clef_check_output(struct clef_validation *check, const char *name,
                              const struct clef_tensor *tensor);
clef_status clef_check_optional_input(struct clef_validation *check, const char *name,
                                      const struct clef_tensor *tensor);
clef_status clef_check_optional_output(struct clef_validation *check, const char *name,
                                       const struct clef_tensor *tensor);
// An input of bytes instead of floats.
clef_status clef_check_byte_input(struct clef_validation *check, const char *name,
                                  const struct clef_tensor *tensor);

// Demands on tensors that have been taken in. An absent (NULL) tensor meets them all.
clef_status clef_require_dense(const struct clef_validation *check, const char *name,
                               const struct clef_tensor *tensor);
clef_status clef_require_vector(const struct clef_validation *check, const char *name,
                                const struct clef_tensor *tensor, size_t count);
clef_status clef_require_same_layout(const struct clef_validation *check, const char *name_a,
                                     const struct clef_tensor *a, const char *name_b,
                                     const struct clef_tensor *b);
clef_status clef_require_same_shape(const struct clef_validation *check, const char *name_a,
                                    const struct clef_tensor *a, const char *name_b,
                                    const struct clef_tensor *b);

// The images of both sides of a window: as many images, and every window sees at least one
// position of src.
clef_status clef_require_window(const struct clef_validation *check,
                                const struct clef_window *window, const char *src_name,
                                const struct clef_tensor *src, const char *dst_name,
                                const struct clef_tensor *dst);

// A vector of exactly the panels of a kernel.
clef_status clef_require_weights(const struct clef_validation *check, const char *name,
                                 const struct clef_tensor *weights, int kernel_h, int kernel_w,
                                 int in, int out);

// Takes the gradient of such weights into the check, or the update that makes it optional, or both.
clef_status clef_check_weights_gradient(struct clef_validation *check,
                                        const struct clef_tensor *diff_weights,
                                        const struct clef_weights_update *update, int kernel_h,
                                        int kernel_w, int in, int out);

// No two tensors of which one is an output share memory, but for the pairs listed in `in_place`
// ("output:input", ended by NULL), which may lie exactly on each other.
clef_status clef_require_disjoint(const struct clef_validation *check, const char *const *in_place);

#endif
