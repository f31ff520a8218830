// SPDX-License-Identifier: Apache-2.0
// Windows, and weights between panels and the orders of files.
#include "clef/ops.h"
#include "support/expect.h"

#include <stdlib.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct clef_weights_layout layouts[] = {
    {1, 1, 1, 1, 8},   {3, 3, 4, 16, 16},   {3, 2, 5, 17, 8},
    {7, 7, 1, 64, 32}, {1, 1, 512, 10, 32}, {2, 5, 3, 7, 1},
};

static size_t outer_count(const struct clef_weights_layout *layout)
{
    return (size_t)(layout->kernel_h * layout->kernel_w * layout->in * layout->out);
}

// The formula of clef/ops.h, word for word.
static size_t panel_index(const struct clef_weights_layout *l, int ky, int kx, int i, int o)
{
    return (
        size_t)((((o / l->panel) * l->kernel_h * l->kernel_w + ky * l->kernel_w + kx) * l->in + i) *
                    l->panel +
                o % l->panel);
}

static size_t outer_index(const struct clef_weights_layout *l, enum clef_weights_order order,
                          int ky, int kx, int i, int o)
{
    if (order == CLEF_HWIO)
        return (size_t)(((ky * l->kernel_w + kx) * l->in + i) * l->out + o);
    return (size_t)(((o * l->in + i) * l->kernel_h + ky) * l->kernel_w + kx);
}

static void check_pack(const struct clef_weights_layout *l, enum clef_weights_order order)
{
    size_t outer = outer_count(l), inner = clef_weights_count(l);
    int panels = (l->out + l->panel - 1) / l->panel;
    assert_int_equal(panels * l->kernel_h * l->kernel_w * l->in * l->panel, inner);
    float *src = malloc(outer * sizeof *src), *back = malloc(outer * sizeof *back);
    float *packed = malloc(inner * sizeof *packed);
    for (size_t k = 0; k < outer; k++) {
        src[k] = (float)(k + 1);
        back[k] = -1.0f;
    }
    for (size_t k = 0; k < inner; k++)
        packed[k] = -1.0f;
    clef_weights_pack(l, order, src, packed);
    for (int ky = 0; ky < l->kernel_h; ky++)
        for (int kx = 0; kx < l->kernel_w; kx++)
            for (int i = 0; i < l->in; i++)
                for (int o = 0; o < panels * l->panel; o++) {
                    float expected = o < l->out ? src[outer_index(l, order, ky, kx, i, o)] : 0.0f;
                    assert_true(packed[panel_index(l, ky, kx, i, o)] == expected);
                }
    clef_weights_unpack(l, order, packed, back);
    assert_memory_equal(src, back, outer * sizeof *src);
    free(src);
    free(back);
    free(packed);
}

static void test_pack(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(layouts); i++) {
        check_pack(&layouts[i], CLEF_HWIO);
        check_pack(&layouts[i], CLEF_OIHW);
    }
}

struct window_case {
    int kernel, stride, in;
    int same_out, same_pad;
    int valid_out; // 0 if the kernel is larger than the image.
};

// The paddings are those of Keras.
static const struct window_case window_cases[] = {
    {7, 2, 32, 16, 2, 13}, {3, 2, 16, 8, 0, 7}, {3, 2, 8, 4, 0, 3}, {3, 1, 8, 8, 1, 6},
    {1, 2, 8, 4, 0, 4},    {1, 1, 5, 5, 0, 5},  {3, 1, 1, 1, 1, 0}, {3, 2, 1, 1, 1, 0},
    {3, 2, 7, 4, 1, 3},    {2, 3, 7, 3, 0, 2},  {5, 4, 6, 2, 1, 1}, {2, 1, 4, 4, 0, 3},
};

static void test_windows(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(window_cases); i++) {
        const struct window_case *c = &window_cases[i];
        // The other direction has values of its own, so that mixing them up shows.
        const int kernel[2] = {c->kernel, 3}, stride[2] = {c->stride, 1}, in[2] = {c->in, 9};
        int out[2];
        struct clef_window window = clef_window_same(kernel, stride, in, out);
        assert_int_equal(c->same_out, out[0]);
        assert_int_equal(9, out[1]);
        assert_int_equal(c->kernel, window.kernel_h);
        assert_int_equal(3, window.kernel_w);
        assert_int_equal(c->stride, window.stride_h);
        assert_int_equal(1, window.stride_w);
        assert_int_equal(c->same_pad, window.pad_top);
        assert_int_equal(1, window.pad_left);
        if (c->valid_out == 0)
            continue;
        window = clef_window_valid(kernel, stride, in, out);
        assert_int_equal(c->valid_out, out[0]);
        assert_int_equal(7, out[1]);
        assert_int_equal(c->kernel, window.kernel_h);
        assert_int_equal(c->stride, window.stride_h);
        assert_int_equal(0, window.pad_top);
        assert_int_equal(0, window.pad_left);
    }
}

// Marks what a convolution reads, output by output.
static void mark_reached(const struct clef_weights_layout *l, const struct clef_window *window,
                         const int src[2], const int dst[2], bool *marks)
{
    int panels = (l->out + l->panel - 1) / l->panel;
    for (int oy = 0; oy < dst[0]; oy++)
        for (int ox = 0; ox < dst[1]; ox++)
            for (int ky = 0; ky < l->kernel_h; ky++)
                for (int kx = 0; kx < l->kernel_w; kx++) {
                    int iy = oy * window->stride_h - window->pad_top + ky;
                    int ix = ox * window->stride_w - window->pad_left + kx;
                    if (iy < 0 || iy >= src[0] || ix < 0 || ix >= src[1])
                        continue;
                    for (int i = 0; i < l->in; i++)
                        for (int o = 0; o < panels * l->panel; o++)
                            marks[panel_index(l, ky, kx, i, o)] = true;
                }
}

struct reach_case {
    int kernel[2], stride[2], src[2];
    int taps; // That are reached.
};

static const struct reach_case reach_cases[] = {
    {{3, 3}, {1, 1}, {1, 1}, 1}, {{3, 3}, {1, 1}, {2, 2}, 9},  {{3, 3}, {2, 2}, {2, 2}, 4},
    {{3, 3}, {1, 1}, {8, 8}, 9}, {{7, 7}, {2, 2}, {3, 5}, 35}, {{3, 3}, {1, 1}, {1, 4}, 3},
    {{5, 5}, {1, 1}, {2, 1}, 3},
};

static void check_reached(const struct reach_case *c, int out_channels)
{
    const struct clef_weights_layout layout = {c->kernel[0], c->kernel[1], 3, out_channels, 8};
    int dst[2];
    struct clef_window window = clef_window_same(c->kernel, c->stride, c->src, dst);
    size_t total = clef_weights_count(&layout), reached = 0;
    bool *marks = calloc(total, sizeof *marks);
    mark_reached(&layout, &window, c->src, dst, marks);
    size_t count = clef_weights_reached(&layout, &window, c->src, dst, NULL);
    struct clef_extent *extents = calloc(count + 1, sizeof *extents);
    assert_int_equal(count, clef_weights_reached(&layout, &window, c->src, dst, extents));
    assert_int_equal(0, extents[count].count); // Nothing is written beyond the count.
    size_t end = 0;
    for (size_t e = 0; e < count; e++) {
        assert_true(extents[e].count > 0);
        // A gap lies between any two, or they would be one.
        assert_true(e == 0 || extents[e].offset > end);
        end = extents[e].offset + extents[e].count;
        assert_true(end <= total);
        for (size_t k = extents[e].offset; k < end; k++) {
            assert_true(marks[k]);
            marks[k] = false;
        }
        reached += extents[e].count;
    }
    for (size_t k = 0; k < total; k++)
        assert_false(marks[k]);
    int panels = (out_channels + 7) / 8;
    assert_int_equal(c->taps * 3 * 8 * panels, reached);
    free(marks);
    free(extents);
}

static void test_reached(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(reach_cases); i++) {
        check_reached(&reach_cases[i], 8);
        check_reached(&reach_cases[i], 20);
    }
}

static void test_all_reached_is_one_extent(void **state)
{
    (void)state;
    const int kernel[2] = {3, 3}, stride[2] = {1, 1}, src[2] = {8, 8};
    const struct clef_weights_layout layout = {3, 3, 4, 40, 16};
    int dst[2];
    struct clef_window window = clef_window_same(kernel, stride, src, dst);
    struct clef_extent extent;
    assert_int_equal(1, clef_weights_reached(&layout, &window, src, dst, &extent));
    assert_int_equal(0, extent.offset);
    assert_int_equal(clef_weights_count(&layout), extent.count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_reached),
        cmocka_unit_test(test_all_reached_is_one_extent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
