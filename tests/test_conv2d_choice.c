// SPDX-License-Identifier: Apache-2.0
// What the environment variable CLEF_CONV asks for.
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_passes),
                                       cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
