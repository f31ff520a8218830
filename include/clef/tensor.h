// SPDX-License-Identifier: Apache-2.0
/// @file tensor.h
/// A tensor is a view: a place in a buffer, four extents and three strides. It owns nothing.
///
/// A tensor is made of rows. A row is `c` channels that lie next to each other; the strides say
/// where the row of image `n` at line `h` and column `w` begins:
///
///     element(n, h, w, c) = buffer[offset + n*stride_n + h*stride_h + w*stride_w + c]
///
/// Two orders of rows are in use. NHWC (image-major) suits large images; HWNC (position-major)
/// suits small images and large batches, since the rows of one position are then a contiguous [n x
/// c] matrix. Elements are float32 unless an op says otherwise.
#ifndef CLEF_TENSOR_H
#define CLEF_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct clef_buffer;

struct clef_tensor {
    struct clef_buffer *buffer; ///< Where the elements live; NULL while only shapes matter.
    size_t offset;              ///< First element, counted in elements.
    int n, h, w, c;             ///< Images, lines, columns, channels; each at least 1.
    size_t stride_n, stride_h, stride_w; ///< In elements. Channels have stride 1.
};

/// @return a dense tensor with rows in image-major order (n, h, w).
struct clef_tensor clef_tensor_nhwc(struct clef_buffer *buffer, size_t offset, int n, int h, int w,
                                    int c);

/// @return a dense tensor with rows in position-major order (h, w, n).
struct clef_tensor clef_tensor_hwnc(struct clef_buffer *buffer, size_t offset, int n, int h, int w,
                                    int c);

/// @return a vector of `count` elements (one row).
struct clef_tensor clef_tensor_vector(struct clef_buffer *buffer, size_t offset, size_t count);

/// @return the number of elements, n*h*w*c.
size_t clef_tensor_count(const struct clef_tensor *tensor);

/// @return the number of rows, n*h*w.
size_t clef_tensor_rows(const struct clef_tensor *tensor);

/// @return whether the elements fill one gapless block, in either order of rows.
bool clef_tensor_is_dense(const struct clef_tensor *tensor);

/// @return whether both have the same extents.
bool clef_tensor_same_shape(const struct clef_tensor *a, const struct clef_tensor *b);

/// @return whether both have the same extents and strides, so that element k of one is element k of
/// the other.
bool clef_tensor_same_layout(const struct clef_tensor *a, const struct clef_tensor *b);

#ifdef __cplusplus
}
#endif
#endif
