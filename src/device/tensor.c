// SPDX-License-Identifier: Apache-2.0
#include "clef/tensor.h"

#include <limits.h>

struct clef_tensor clef_tensor_nhwc(struct clef_buffer *buffer, size_t offset, int n, int h, int w,
                                    int c)
{
    size_t row = (size_t)c;
    return (struct clef_tensor){.buffer = buffer,
                                .offset = offset,
                                .n = n,
                                .h = h,
                                .w = w,
                                .c = c,
                                .stride_n = (size_t)h * (size_t)w * row,
                                .stride_h = (size_t)w * row,
                                .stride_w = row};
}

struct clef_tensor clef_tensor_hwnc(struct clef_buffer *buffer, size_t offset, int n, int h, int w,
                                    int c)
{
    size_t row = (size_t)c;
    return (struct clef_tensor){.buffer = buffer,
                                .offset = offset,
                                .n = n,
                                .h = h,
                                .w = w,
                                .c = c,
                                .stride_n = row,
                                .stride_h = (size_t)w * (size_t)n * row,
                                .stride_w = (size_t)n * row};
}

struct clef_tensor clef_tensor_vector(struct clef_buffer *buffer, size_t offset, size_t count)
{
    // A count that does not fit gives zero channels, which every op refuses.
    int c = count <= INT_MAX ? (int)count : 0;
    return clef_tensor_nhwc(buffer, offset, 1, 1, 1, c);
}

size_t clef_tensor_count(const struct clef_tensor *tensor)
{
    return clef_tensor_rows(tensor) * (size_t)tensor->c;
}

size_t clef_tensor_rows(const struct clef_tensor *tensor)
{
    return (size_t)tensor->n * (size_t)tensor->h * (size_t)tensor->w;
}

bool clef_tensor_same_shape(const struct clef_tensor *a, const struct clef_tensor *b)
{
    return a->n == b->n && a->h == b->h && a->w == b->w && a->c == b->c;
}

bool clef_tensor_same_layout(const struct clef_tensor *a, const struct clef_tensor *b)
{
    // The stride of an extent of 1 is never taken.
    return clef_tensor_same_shape(a, b) && (a->n == 1 || a->stride_n == b->stride_n) &&
           (a->h == 1 || a->stride_h == b->stride_h) && (a->w == 1 || a->stride_w == b->stride_w);
}

bool clef_tensor_is_dense(const struct clef_tensor *tensor)
{
    struct clef_tensor nhwc =
        clef_tensor_nhwc(tensor->buffer, 0, tensor->n, tensor->h, tensor->w, tensor->c);
    struct clef_tensor hwnc =
        clef_tensor_hwnc(tensor->buffer, 0, tensor->n, tensor->h, tensor->w, tensor->c);
    return clef_tensor_same_layout(tensor, &nhwc) || clef_tensor_same_layout(tensor, &hwnc);
}
