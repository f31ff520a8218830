// SPDX-License-Identifier: Apache-2.0
// The one list of operations. Each row makes the op's enumerator, its name, its entry in the
// backend interface, the check of its arguments, its test case and its row in the bench; a missing
// one is a compile or link error. The formula and shapes of each op stand at `struct clef_OP_args`
// in clef/ops.h.
#define CLEF_OP_LIST(X)        \
    X(conv2d_forward)          \
    X(conv2d_backward_data)    \
    X(conv2d_backward_weights) \
    X(dense_forward)           \
    X(dense_backward_data)     \
    X(dense_backward_weights)  \
    X(batchnorm_train)         \
    X(batchnorm_infer)         \
    X(batchnorm_backward)      \
    X(relu_forward)            \
    X(relu_backward)           \
    X(add)                     \
    X(maxpool_forward)         \
    X(maxpool_backward)        \
    X(avgpool_forward)         \
    X(avgpool_backward)        \
    X(softmax_cross_entropy)   \
    X(adam)                    \
    X(fill)                    \
    X(copy)                    \
    X(cast)
