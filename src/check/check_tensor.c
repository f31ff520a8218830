// SPDX-License-Identifier: Apache-2.0
#include "check/check_session_internal.h"

#include <stdlib.h>
#include <string.h>

// SplitMix64's finaliser (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
// 2014) over a counter.
uint32_t session_random(const struct session *s, uint32_t stream, uint64_t index)
{
    uint64_t x = s->seed * 0x9e3779b97f4a7c15u + ((uint64_t)s->row << 40) +
                 ((uint64_t)stream << 32) + index + 1;
    for (int round = 0; round < 2; round++) {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        x ^= x >> 31;
    }
    return (uint32_t)(x >> 32);
}

static struct clef_tensor strides_of(const struct session *s, enum check_layout layout, int n,
                                     int h, int w, int c)
{
    struct clef_tensor t = {.offset = s->guard, .n = n, .h = h, .w = w, .c = c};
    bool gaps = layout == LAYOUT_NHWC_GAPS || layout == LAYOUT_HWNC_GAPS;
    size_t row = (size_t)c + (gaps ? 3 : 0);
    if (layout == LAYOUT_NHWC || layout == LAYOUT_NHWC_GAPS) {
        t.stride_w = row;
        t.stride_h = (size_t)w * t.stride_w + (gaps ? 5 : 0);
        t.stride_n = (size_t)h * t.stride_h + (gaps ? 2 : 0);
    } else {
        t.stride_n = row;
        t.stride_w = (size_t)n * t.stride_n + (gaps ? 5 : 0);
        t.stride_h = (size_t)w * t.stride_w + (gaps ? 2 : 0);
    }
    return t;
}

size_t tensor_place(const struct clef_tensor *t, int n, int h, int w, int c)
{
    return t->offset + (size_t)n * t->stride_n + (size_t)h * t->stride_h + (size_t)w * t->stride_w +
           (size_t)c;
}

// Marks what belongs to the tensor, a run of channels at a time.
static void mark_elements(struct check_tensor *t)
{
    for (int n = 0; n < t->view.n; n++)
        for (int h = 0; h < t->view.h; h++)
            for (int w = 0; w < t->view.w; w++)
                memset(t->element + tensor_place(&t->view, n, h, w, 0), 1, (size_t)t->view.c);
}

static struct check_tensor *create(struct session *s, const char *name, bool output,
                                   size_t element_bytes, struct clef_tensor view)
{
    if (s->tensor_count == SESSION_TENSORS)
        session_fail(s, "more than %d tensors", SESSION_TENSORS);
    struct check_tensor *t = &s->tensors[s->tensor_count];
    *t = (struct check_tensor){.name = name,
                               .view = view,
                               .element_bytes = element_bytes,
                               .output = output,
                               .stream = (uint32_t)s->tensor_count + 1};
    t->total = tensor_place(&view, view.n - 1, view.h - 1, view.w - 1, view.c - 1) + 1 + s->guard;
    size_t bytes = t->total * element_bytes;
    t->before = session_memory(s, bytes + sizeof(uint32_t));
    t->after = session_memory(s, bytes);
    t->element = session_memory(s, t->total);
    uint32_t guard = GUARD_BITS;
    for (size_t at = 0; at < bytes; at += sizeof guard)
        memcpy(t->before + at, &guard, sizeof guard);
    mark_elements(t);
    if (clef_buffer_create(s->device, bytes, &t->buffer) != CLEF_OK)
        session_fail(s, "buffer of %s: %s", name, clef_last_error());
    t->view.buffer = t->buffer;
    s->tensor_count++;
    return t;
}

struct check_tensor *session_input(struct session *s, const char *name, enum check_layout layout,
                                   int n, int h, int w, int c)
{
    return create(s, name, false, sizeof(float), strides_of(s, layout, n, h, w, c));
}

struct check_tensor *session_output(struct session *s, const char *name, enum check_layout layout,
                                    int n, int h, int w, int c)
{
    return create(s, name, true, sizeof(float), strides_of(s, layout, n, h, w, c));
}

struct check_tensor *session_byte_input(struct session *s, const char *name,
                                        enum check_layout layout, int n, int h, int w, int c)
{
    return create(s, name, false, 1, strides_of(s, layout, n, h, w, c));
}

static struct clef_tensor vector_view(const struct session *s, size_t count)
{
    return clef_tensor_vector(NULL, s->guard, count);
}

struct check_tensor *session_input_vector(struct session *s, const char *name, size_t count)
{
    return create(s, name, false, sizeof(float), vector_view(s, count));
}

struct check_tensor *session_output_vector(struct session *s, const char *name, size_t count)
{
    return create(s, name, true, sizeof(float), vector_view(s, count));
}

// The formula of struct clef_weights_layout.
size_t weight_place(const struct weights_shape *l, int ky, int kx, int i, int o)
{
    size_t taps = (size_t)l->kernel_h * (size_t)l->kernel_w;
    size_t tap = (size_t)ky * (size_t)l->kernel_w + (size_t)kx;
    size_t row = ((size_t)(o / l->panel) * taps + tap) * (size_t)l->in + (size_t)i;
    return row * (size_t)l->panel + (size_t)(o % l->panel);
}

static size_t weights_total(struct session *s, struct weights_shape *l)
{
    l->panel = session_filter_panel(s);
    return weight_place(l, l->kernel_h - 1, l->kernel_w - 1, l->in - 1, l->out - 1) -
           (size_t)((l->out - 1) % l->panel) + (size_t)l->panel;
}

struct check_tensor *session_input_weights(struct session *s, const char *name,
                                           struct weights_shape *shape)
{
    struct check_tensor *t = session_input_vector(s, name, weights_total(s, shape));
    memset(t->before + t->view.offset * sizeof(float), 0,
           clef_tensor_count(&t->view) * sizeof(float));
    return t;
}

struct check_tensor *session_output_weights(struct session *s, const char *name,
                                            struct weights_shape *shape)
{
    return session_output_vector(s, name, weights_total(s, shape));
}

float *tensor_at(const struct check_tensor *t, int n, int h, int w, int c)
{
    return (float *)(void *)t->before + tensor_place(&t->view, n, h, w, c);
}

float *tensor_after(const struct check_tensor *t, int n, int h, int w, int c)
{
    return (float *)(void *)t->after + tensor_place(&t->view, n, h, w, c);
}

double *tensor_values(struct session *s, const struct check_tensor *t)
{
    double *values = session_doubles(s, clef_tensor_count(&t->view));
    size_t k = 0;
    FOR_EACH_ELEMENT(t, n, h, w, c)
    values[k++] = t->element_bytes == 1 ? t->before[tensor_place(&t->view, n, h, w, c)]
                                        : (double)*tensor_at(t, n, h, w, c);
    return values;
}

double *tensor_int_values(struct session *s, const struct check_tensor *t)
{
    double *values = session_doubles(s, clef_tensor_count(&t->view));
    size_t k = 0;
    FOR_EACH_ELEMENT(t, n, h, w, c)
    {
        int32_t value;
        memcpy(&value, tensor_at(t, n, h, w, c), sizeof value);
        values[k++] = value;
    }
    return values;
}

double *weights_values(struct session *s, const struct check_tensor *t,
                       const struct weights_shape *l)
{
    double *values =
        session_doubles(s, (size_t)l->kernel_h * l->kernel_w * (size_t)l->in * (size_t)l->out);
    const float *panels = tensor_at(t, 0, 0, 0, 0);
    size_t k = 0;
    FOR_EACH_WEIGHT(l, ky, kx, i, o)
    values[k++] = panels[weight_place(l, ky, kx, i, o)];
    return values;
}

static float integer_between(const struct session *s, uint32_t stream, uint64_t k, int low,
                             int high)
{
    return (float)(low + (int)(session_random(s, stream, k) % (uint32_t)(high - low + 1)));
}

static float uniform_between(const struct session *s, uint32_t stream, uint64_t k, double low,
                             double high)
{
    return (float)(low + (high - low) * (session_random(s, stream, k) * 0x1p-32));
}

void fill_integers(struct session *s, struct check_tensor *t, int low, int high)
{
    uint64_t k = 0;
    FOR_EACH_ELEMENT(t, n, h, w, c)
    *tensor_at(t, n, h, w, c) = integer_between(s, t->stream, k++, low, high);
}

void fill_uniform(struct session *s, struct check_tensor *t, double low, double high)
{
    uint64_t k = 0;
    FOR_EACH_ELEMENT(t, n, h, w, c)
    *tensor_at(t, n, h, w, c) = uniform_between(s, t->stream, k++, low, high);
}

void fill_weights_integers(struct session *s, struct check_tensor *t, const struct weights_shape *l,
                           int low, int high)
{
    float *panels = tensor_at(t, 0, 0, 0, 0);
    uint64_t k = 0;
    FOR_EACH_WEIGHT(l, ky, kx, i, o)
    panels[weight_place(l, ky, kx, i, o)] = integer_between(s, t->stream, k++, low, high);
}

void fill_weights_uniform(struct session *s, struct check_tensor *t, const struct weights_shape *l,
                          double low, double high)
{
    float *panels = tensor_at(t, 0, 0, 0, 0);
    uint64_t k = 0;
    FOR_EACH_WEIGHT(l, ky, kx, i, o)
    panels[weight_place(l, ky, kx, i, o)] = uniform_between(s, t->stream, k++, low, high);
}

void fill_bytes(struct session *s, struct check_tensor *t)
{
    uint64_t k = 0;
    FOR_EACH_ELEMENT(t, n, h, w, c)
    t->before[tensor_place(&t->view, n, h, w, c)] =
        (unsigned char)session_random(s, t->stream, k++);
}

void fill_values(struct check_tensor *t, const double *values)
{
    FOR_EACH_ELEMENT(t, n, h, w, c)
    *tensor_at(t, n, h, w, c) = (float)*values++;
}

void fill_int_values(struct check_tensor *t, const double *values)
{
    FOR_EACH_ELEMENT(t, n, h, w, c)
    {
        int32_t value = (int32_t)*values++;
        memcpy(tensor_at(t, n, h, w, c), &value, sizeof value);
    }
}
