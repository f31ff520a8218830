// SPDX-License-Identifier: Apache-2.0
#include "ops/validate.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

clef_status clef_invalid(const struct clef_validation *check, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return clef_fail(CLEF_INVALID_ARGUMENT, "%s: %s", clef_op_name(check->op), text);
}

// Text of the extents, such as "[64, 8, 8, 128]".
struct shape_text {
    char text[64];
};

static struct shape_text shape(const struct clef_tensor *tensor)
{
    struct shape_text result;
    snprintf(result.text, sizeof result.text, "[%d, %d, %d, %d]", tensor->n, tensor->h, tensor->w,
             tensor->c);
    return result;
}

// The element after the last that the tensor reaches; false if it does not fit in size_t.
static bool tensor_end(const struct clef_tensor *tensor, size_t *end)
{
    const int extents[3] = {tensor->n, tensor->h, tensor->w};
    const size_t strides[3] = {tensor->stride_n, tensor->stride_h, tensor->stride_w};
    size_t sum = (size_t)tensor->c;
    for (int i = 0; i < 3; i++) {
        size_t reach;
        if (__builtin_mul_overflow((size_t)extents[i] - 1, strides[i], &reach) ||
            __builtin_add_overflow(sum, reach, &sum))
            return false;
    }
    return !__builtin_add_overflow(sum, tensor->offset, end);
}

// Whether no two rows share an element: each stride, from the smallest, steps over all that the
// smaller ones span.
static bool rows_are_apart(const struct clef_tensor *tensor)
{
    int extents[3] = {tensor->n, tensor->h, tensor->w};
    const size_t strides[3] = {tensor->stride_n, tensor->stride_h, tensor->stride_w};
    size_t span = (size_t)tensor->c;
    for (int step = 0; step < 3; step++) {
        int smallest = -1;
        for (int i = 0; i < 3; i++)
            if (extents[i] > 1 && (smallest < 0 || strides[i] < strides[smallest]))
                smallest = i;
        if (smallest < 0)
            return true;
        if (strides[smallest] < span)
            return false;
        span += strides[smallest] * ((size_t)extents[smallest] - 1);
        extents[smallest] = 1;
    }
    return true;
}

static clef_status check_buffer(const struct clef_validation *check, const char *name,
                                const struct clef_tensor *tensor, size_t end, size_t element_size)
{
    if (!tensor->buffer)
        return check->bound
                   ? clef_invalid(check, "%s has no buffer: a plan needs all of them", name)
                   : CLEF_OK;
    if (tensor->buffer->device != check->device)
        return clef_invalid(check, "the buffer of %s belongs to another device", name);
    if (end > tensor->buffer->bytes / element_size)
        return clef_invalid(
            check, "%s %s at element %zu reaches to element %zu, but its buffer holds %zu", name,
            shape(tensor).text, tensor->offset, end, tensor->buffer->bytes / element_size);
    return CLEF_OK;
}

static clef_status take(struct clef_validation *check, const char *name,
                        const struct clef_tensor *tensor, size_t element_size, bool is_output)
{
    if (!tensor)
        return clef_invalid(check, "%s is missing", name);
    if (tensor->n < 1 || tensor->h < 1 || tensor->w < 1 || tensor->c < 1)
        return clef_invalid(check, "%s is %s: each extent must be at least 1", name,
                            shape(tensor).text);
    size_t end, bytes;
    if (!tensor_end(tensor, &end) || __builtin_mul_overflow(end, element_size, &bytes))
        return clef_invalid(check, "%s %s is larger than any memory", name, shape(tensor).text);
    CLEF_TRY(check_buffer(check, name, tensor, end, element_size));
    if (is_output && !rows_are_apart(tensor))
        return clef_invalid(check, "%s %s has strides (%zu, %zu, %zu), so that its rows overlap",
                            name, shape(tensor).text, tensor->stride_n, tensor->stride_h,
                            tensor->stride_w);
    if (check->operand_count == CLEF_MAX_OPERANDS)
        return clef_invalid(check, "more than %d tensors", CLEF_MAX_OPERANDS);
    check->operands[check->operand_count++] = (struct clef_operand){
        .name = name, .tensor = tensor, .element_size = element_size, .is_output = is_output};
    return CLEF_OK;
}

clef_status clef_check_input(struct clef_validation *check, const char *name,
                             const struct clef_tensor *tensor)
{
    return take(check, name, tensor, sizeof(float), false);
}

clef_status clef_check_output(struct clef_validation *check, const char *name,
                              const struct clef_tensor *tensor)
{
    return take(check, name, tensor, sizeof(float), true);
}

clef_status clef_check_optional_input(struct clef_validation *check, const char *name,
                                      const struct clef_tensor *tensor)
{
    return tensor ? clef_check_input(check, name, tensor) : CLEF_OK;
}

clef_status clef_check_optional_output(struct clef_validation *check, const char *name,
                                       const struct clef_tensor *tensor)
{
    return tensor ? clef_check_output(check, name, tensor) : CLEF_OK;
}

clef_status clef_check_byte_input(struct clef_validation *check, const char *name,
                                  const struct clef_tensor *tensor)
{
    return take(check, name, tensor, 1, false);
}

clef_status clef_require_dense(const struct clef_validation *check, const char *name,
                               const struct clef_tensor *tensor)
{
    if (!tensor || clef_tensor_is_dense(tensor))
        return CLEF_OK;
    return clef_invalid(
        check, "%s %s has strides (%zu, %zu, %zu): it must be dense, as NHWC or HWNC", name,
        shape(tensor).text, tensor->stride_n, tensor->stride_h, tensor->stride_w);
}

clef_status clef_require_vector(const struct clef_validation *check, const char *name,
                                const struct clef_tensor *tensor, size_t count)
{
    if (!tensor || (clef_tensor_rows(tensor) == 1 && (size_t)tensor->c == count))
        return CLEF_OK;
    return clef_invalid(check, "%s is %s: it must be a vector of %zu", name, shape(tensor).text,
                        count);
}

clef_status clef_require_same_shape(const struct clef_validation *check, const char *name_a,
                                    const struct clef_tensor *a, const char *name_b,
                                    const struct clef_tensor *b)
{
    if (!a || !b || clef_tensor_same_shape(a, b))
        return CLEF_OK;
    return clef_invalid(check, "%s is %s, but %s is %s: they must be alike", name_a, shape(a).text,
                        name_b, shape(b).text);
}

clef_status clef_require_same_layout(const struct clef_validation *check, const char *name_a,
                                     const struct clef_tensor *a, const char *name_b,
                                     const struct clef_tensor *b)
{
    CLEF_TRY(clef_require_same_shape(check, name_a, a, name_b, b));
    if (!a || !b || clef_tensor_same_layout(a, b))
        return CLEF_OK;
    return clef_invalid(check,
                        "%s %s has strides (%zu, %zu, %zu), but %s has (%zu, %zu, %zu): they must "
                        "be alike",
                        name_a, shape(a).text, a->stride_n, a->stride_h, a->stride_w, name_b,
                        b->stride_n, b->stride_h, b->stride_w);
}

// One direction of a window.
struct window_axis {
    const char *name;
    int kernel, stride, pad, src, dst;
};

static clef_status require_axis(const struct clef_validation *check, struct window_axis axis)
{
    if (axis.kernel < 1 || axis.stride < 1)
        return clef_invalid(check, "kernel %d and stride %d in %s: each must be at least 1",
                            axis.kernel, axis.stride, axis.name);
    if (axis.pad < 0 || axis.pad >= axis.kernel)
        return clef_invalid(check, "padding %d in %s must be from 0 to less than the kernel's %d",
                            axis.pad, axis.name, axis.kernel);
    long long last = ((long long)axis.dst - 1) * axis.stride - axis.pad;
    if (last >= axis.src)
        return clef_invalid(check,
                            "%d outputs in %s: with stride %d and padding %d the last window "
                            "begins at %lld, beyond the image of %d",
                            axis.dst, axis.name, axis.stride, axis.pad, last, axis.src);
    return CLEF_OK;
}

clef_status clef_require_window(const struct clef_validation *check,
                                const struct clef_window *window, const char *src_name,
                                const struct clef_tensor *src, const char *dst_name,
                                const struct clef_tensor *dst)
{
    if (src->n != dst->n)
        return clef_invalid(check, "%s has %d images, but %s has %d", src_name, src->n, dst_name,
                            dst->n);
    CLEF_TRY(require_axis(check, (struct window_axis){"height", window->kernel_h, window->stride_h,
                                                      window->pad_top, src->h, dst->h}));
    return require_axis(check, (struct window_axis){"width", window->kernel_w, window->stride_w,
                                                    window->pad_left, src->w, dst->w});
}

clef_status clef_require_weights(const struct clef_validation *check, const char *name,
                                 const struct clef_tensor *weights, int kernel_h, int kernel_w,
                                 int in, int out)
{
    // A vector's length is an int, so that a larger count is an error in any case; this bound keeps
    // the product from overflowing.
    double count = (double)kernel_h * kernel_w * in * ((double)out + check->filter_panel);
    if (count > 2.0 * INT_MAX)
        return clef_invalid(check, "weights of a %dx%d kernel from %d to %d channels are too large",
                            kernel_h, kernel_w, in, out);
    const struct clef_weights_layout layout = {kernel_h, kernel_w, in, out, check->filter_panel};
    if (clef_tensor_rows(weights) == 1 && (size_t)weights->c == clef_weights_count(&layout))
        return CLEF_OK;
    return clef_invalid(check,
                        "%s is %s: a %dx%d kernel from %d to %d channels in panels of %d is a "
                        "vector of %zu",
                        name, shape(weights).text, kernel_h, kernel_w, in, out, check->filter_panel,
                        clef_weights_count(&layout));
}

static bool is_allowed(const char *const *in_place, const struct clef_operand *a,
                       const struct clef_operand *b)
{
    if (a->element_size != b->element_size || a->tensor->offset != b->tensor->offset ||
        !clef_tensor_same_layout(a->tensor, b->tensor))
        return false;
    char pair[64], reversed[64];
    snprintf(pair, sizeof pair, "%s:%s", a->name, b->name);
    snprintf(reversed, sizeof reversed, "%s:%s", b->name, a->name);
    for (; in_place && *in_place; in_place++)
        if (strcmp(*in_place, pair) == 0 || strcmp(*in_place, reversed) == 0)
            return true;
    return false;
}

// Whether two operands share bytes. Tensors with gaps may lie between each other's rows, so that
// only the gapless are judged.
static bool overlap(const struct clef_operand *a, const struct clef_operand *b)
{
    if (!a->tensor->buffer || a->tensor->buffer != b->tensor->buffer ||
        !clef_tensor_is_dense(a->tensor) || !clef_tensor_is_dense(b->tensor))
        return false;
    size_t a_begin = a->tensor->offset * a->element_size;
    size_t b_begin = b->tensor->offset * b->element_size;
    size_t a_end = a_begin + clef_tensor_count(a->tensor) * a->element_size;
    size_t b_end = b_begin + clef_tensor_count(b->tensor) * b->element_size;
    return a_begin < b_end && b_begin < a_end;
}

clef_status clef_require_disjoint(const struct clef_validation *check, const char *const *in_place)
{
    for (int i = 0; i < check->operand_count; i++)
        for (int k = 0; k < i; k++) {
            const struct clef_operand *a = &check->operands[k], *b = &check->operands[i];
            if ((a->is_output || b->is_output) && overlap(a, b) && !is_allowed(in_place, a, b))
                return clef_invalid(check,
                                    "%s %s at element %zu and %s %s at element %zu overlap in the "
                                    "same buffer",
                                    a->name, shape(a->tensor).text, a->tensor->offset, b->name,
                                    shape(b->tensor).text, b->tensor->offset);
        }
    return CLEF_OK;
}
