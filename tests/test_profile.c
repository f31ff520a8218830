// SPDX-License-Identifier: Apache-2.0
// The times of ops and layers, by the library and by the program.
#include "clef/clef.h"
#include "support/expect.h"
#include "support/program.h"

#include <jansson.h>

static void run_plans(struct clef_device *device, int fills)
{
    struct clef_buffer *buffer;
    struct clef_plan *fill, *copy;
    EXPECT_OK(clef_buffer_create(device, 2000 * sizeof(float), &buffer));
    struct clef_tensor a = clef_tensor_vector(buffer, 0, 1000);
    struct clef_tensor b = clef_tensor_vector(buffer, 1000, 1000);
    struct clef_fill_args fill_args = {.dst = &a, .value = 2};
    struct clef_copy_args copy_args = {.src = &a, .dst = &b};
    EXPECT_OK(clef_plan_fill(device, &fill_args, NULL, NULL, &fill));
    EXPECT_OK(clef_plan_copy(device, &copy_args, NULL, NULL, &copy));
    clef_plan_set_layer(fill, "some layer");
    for (int i = 0; i < fills; i++)
        EXPECT_OK(clef_plan_run(fill, NULL));
    EXPECT_OK(clef_plan_run(copy, NULL));
    clef_plan_destroy(fill);
    clef_plan_destroy(copy);
    clef_buffer_destroy(buffer);
}

static void test_rows_add_up(void **state)
{
    (void)state;
    const struct clef_profile_row *rows;
    struct clef_device *device;
    int count;
    const struct clef_device_options options = {.threads = 1, .profile = true};
    EXPECT_OK(clef_device_open("cpu", &options, &device));
    clef_device_get_profile(device, &rows, &count);
    assert_int_equal(0, count);
    run_plans(device, 2);
    run_plans(device, 3); // Other plans, the same layer and op.
    clef_device_get_profile(device, &rows, &count);
    assert_int_equal(2, count);
    assert_string_equal("some layer", rows[0].layer);
    assert_string_equal("fill", rows[0].op);
    assert_string_equal("flat", rows[0].algorithm);
    assert_int_equal(5, rows[0].runs);
    assert_true(rows[0].bytes == 5 * 4000.0);
    assert_string_equal("", rows[1].layer);
    assert_string_equal("copy", rows[1].op);
    assert_int_equal(2, rows[1].runs);
    assert_true(rows[0].seconds >= 0 && rows[0].seconds < 60);
    clef_device_close(device);
}

static void test_nothing_is_measured_unasked(void **state)
{
    (void)state;
    const struct clef_profile_row *rows;
    struct clef_device *device;
    int count;
    EXPECT_OK(clef_device_open("cpu", &(struct clef_device_options){.sync = true}, &device));
    run_plans(device, 1);
    clef_device_get_profile(device, &rows, &count);
    assert_int_equal(0, count);
    clef_device_close(device);
}

// Two shares of a network's time that must both be there.
static bool has_row(const json_t *profile, const char *layer, const char *op)
{
    size_t i;
    const json_t *row;
    json_array_foreach(profile, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "layer")), layer) == 0 &&
            strcmp(json_string_value(json_object_get(row, "op")), op) == 0)
            return json_integer_value(json_object_get(row, "runs")) > 0 &&
                   json_number_value(json_object_get(row, "seconds")) > 0 &&
                   json_number_value(json_object_get(row, "bytes")) > 0;
    }
    return false;
}

#define QUICK                                                                              \
    "bench", "train", "--quick", "--steps", "1", "--batch-size", "2", "--image-size", "8", \
        "--device", "cpu"

static void test_program_prints_the_profile(void **state)
{
    (void)state;
    struct program_result result = RUN_CLEF(QUICK, "--profile", "--json");
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL);
    const json_t *profile = json_object_get(report, "profile");
    assert_true(has_row(profile, "stem.conv", "conv2d_forward"));
    assert_true(has_row(profile, "stage4.block2.conv1", "conv2d_backward_data"));
    assert_true(has_row(profile, "optimizer", "adam"));
    assert_true(has_row(profile, "loss", "softmax_cross_entropy"));
    json_decref(report);
    program_release(&result);
    result = RUN_CLEF(QUICK, "--profile");
    check_exit(&result, 0);
    check_contains(result.out, "\nProfile by op: ");
    check_contains(result.out, "\nProfile by layer, ");
    check_contains(result.out, "stage1.block1.conv1 ");
    program_release(&result);
    result = RUN_CLEF(QUICK, "--sync");
    check_exit(&result, 0);
    assert_null(strstr(result.out, "Profile"));
    program_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_add_up),
        cmocka_unit_test(test_nothing_is_measured_unasked),
        cmocka_unit_test(test_program_prints_the_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
