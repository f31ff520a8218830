// SPDX-License-Identifier: Apache-2.0
// What the environment variable CLEF_CONV asks for, and what the plain C backend makes of it.
#include "clef/ops.h"
#include "ops/conv2d_choice.h"
#include "support/expect.h"

#include <stdlib.h>

static enum clef_conv2d_algorithm choice(const char *text, enum clef_op op)
{
    enum clef_conv2d_algorithm algorithm;
    setenv("CLEF_CONV", text, 1);
    EXPECT_OK(clef_conv2d_choice(op, &algorithm));
    return algorithm;
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 1; i < CLEF_CONV2D_ALGORITHM_COUNT; i++) {
        const char *name = clef_conv2d_algorithm_name((enum clef_conv2d_algorithm)i);
        assert_int_equal(i, clef_conv2d_find_algorithm(name));
        assert_int_equal(i, choice(name, CLEF_OP_conv2d_backward_data));
    }
    assert_int_equal(CLEF_CONV2D_DEFAULT, clef_conv2d_find_algorithm(NULL));
    assert_int_equal(CLEF_CONV2D_DEFAULT, clef_conv2d_find_algorithm("winograd-4x"));
    assert_int_equal(CLEF_CONV2D_DEFAULT, choice("", CLEF_OP_conv2d_forward));
}

static void test_passes(void **state)
{
    (void)state;
    const char *text = "winograd,forward=direct,backward_weights=winograd-4x4";
    assert_int_equal(CLEF_CONV2D_DIRECT, choice(text, CLEF_OP_conv2d_forward));
    assert_int_equal(CLEF_CONV2D_WINOGRAD, choice(text, CLEF_OP_conv2d_backward_data));
    assert_int_equal(CLEF_CONV2D_WINOGRAD_4X4, choice(text, CLEF_OP_conv2d_backward_weights));
    assert_int_equal(CLEF_CONV2D_DEFAULT, choice("backward_data=clblast", CLEF_OP_conv2d_forward));
}

static void test_errors(void **state)
{
    (void)state;
    const struct {
        const char *text, *message;
    } cases[] = {
        {"winograd-4x", "CLEF_CONV: \"winograd-4x\" is none of direct winograd-2x2"},
        {"forward=", "CLEF_CONV: \"\" is none of direct"},
        {"forward=direct,,direct", "CLEF_CONV: \"\" is none of direct"},
        {"backward=direct", "CLEF_CONV: \"backward\" is none of forward, backward_data and"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum clef_conv2d_algorithm algorithm;
        setenv("CLEF_CONV", cases[i].text, 1);
        clef_status status = clef_conv2d_choice(CLEF_OP_conv2d_backward_weights, &algorithm);
        assert_int_equal(CLEF_INVALID_ARGUMENT, status);
        assert_non_null(strstr(clef_last_error(), cases[i].message));
    }
}

// ---------------------------------------------------------------- the plain C backend

struct shape {
    int size, channels, filters, kernel, stride;
};

// The algorithm that images of this shape get, forward or in backward_weights.
static const char *algorithm_of(struct clef_device *device, int images, struct shape s,
                                bool forward)
{
    const int kernel[] = {s.kernel, s.kernel}, stride[] = {s.stride, s.stride};
    const int in[] = {s.size, s.size};
    int out[2];
    struct clef_window window = clef_window_same(kernel, stride, in, out);
    const struct clef_weights_layout layout = {s.kernel, s.kernel, s.channels, s.filters,
                                               clef_device_get_info(device)->filter_panel};
    struct clef_tensor src = clef_tensor_nhwc(NULL, 0, images, s.size, s.size, s.channels);
    struct clef_tensor dst = clef_tensor_nhwc(NULL, 0, images, out[0], out[1], s.filters);
    struct clef_tensor weights = clef_tensor_vector(NULL, 0, clef_weights_count(&layout));
    struct clef_conv2d_forward_args args = {
        .src = &src, .weights = &weights, .dst = &dst, .window = window};
    struct clef_conv2d_backward_weights_args weights_args = {
        .src = &src, .diff_dst = &dst, .diff_weights = &weights, .window = window};
    struct clef_plan_info info;
    if (forward)
        EXPECT_OK(clef_plan_conv2d_forward(device, &args, NULL, &info, NULL));
    else
        EXPECT_OK(clef_plan_conv2d_backward_weights(device, &weights_args, NULL, &info, NULL));
    return info.algorithm;
}

static void test_cpu_takes_what_serves(void **state)
{
    (void)state;
    static const struct shape small = {2, 64, 64, 3, 1}, large = {8, 32, 40, 3, 1};
    const struct {
        const char *choice;
        struct shape shape;
        const char *algorithm;
    } cases[] = {
        {"clblast", large, "direct"},
        {"winograd", large, "winograd-4x4"},
        {"winograd", {8, 31, 40, 3, 1}, "direct"},
        {"winograd", {3, 32, 40, 3, 1}, "direct"},
        {"winograd", small, "toeplitz-2x2"},
        {"winograd-4x4", small, "winograd-4x4"},
        {"winograd-2x2", {5, 3, 7, 3, 1}, "winograd-2x2"},
        {"toeplitz-2x2", large, "direct"},
        // Taps that no position reaches, another stride, another kernel.
        {"winograd-4x4", {1, 64, 64, 3, 1}, "direct"},
        {"winograd-4x4", {8, 64, 64, 3, 2}, "direct"},
        {"winograd-4x4", {8, 64, 64, 5, 1}, "direct"},
    };
    struct clef_device *device;
    EXPECT_OK(clef_device_open("cpu", NULL, &device));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setenv("CLEF_CONV", cases[i].choice, 1);
        assert_string_equal(cases[i].algorithm, algorithm_of(device, 1, cases[i].shape, true));
        assert_string_equal(cases[i].algorithm, algorithm_of(device, 1, cases[i].shape, false));
    }
    setenv("CLEF_CONV", "forward=direct,backward_weights=winograd", 1);
    assert_string_equal("direct", algorithm_of(device, 1, large, true));
    assert_string_equal("winograd-4x4", algorithm_of(device, 1, large, false));
    EXPECT_OK(clef_device_prefer(device, "winograd-2x2"));
    assert_string_equal("winograd-2x2", algorithm_of(device, 1, large, true));
    clef_device_close(device);
}

// Without a choice of the user's: the default network's shapes, and one image, for which to
// transform the weights would not pay.
static void test_cpu_chooses_by_cost(void **state)
{
    (void)state;
    const struct {
        int images;
        struct shape shape;
        const char *forward, *backward;
    } cases[] = {
        {64, {8, 64, 64, 3, 1}, "winograd-2x2", "winograd-4x4"},
        {64, {4, 128, 128, 3, 1}, "winograd-2x2", "winograd-4x4"},
        {64, {2, 256, 256, 3, 1}, "direct", "toeplitz-2x2"},
        {64, {1, 512, 512, 3, 1}, "direct", "direct"},
        {64, {8, 64, 128, 3, 2}, "direct", "direct"},
        {64, {8, 3, 5, 3, 1}, "direct", "direct"},
        {1, {4, 128, 128, 3, 1}, "direct", "direct"},
    };
    struct clef_device *device;
    EXPECT_OK(clef_device_open("cpu", NULL, &device));
    unsetenv("CLEF_CONV");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(cases[i].forward,
                            algorithm_of(device, cases[i].images, cases[i].shape, true));
        assert_string_equal(cases[i].backward,
                            algorithm_of(device, cases[i].images, cases[i].shape, false));
    }
    clef_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_passes), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_cpu_takes_what_serves), cmocka_unit_test(test_cpu_chooses_by_cost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
