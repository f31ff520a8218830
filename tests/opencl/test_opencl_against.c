// SPDX-License-Identifier: Apache-2.0
// `clef check --against` between the OpenCL device and itself, and the plain C backend.
#include "support/comparison.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_itself(void **state)
{
    (void)state;
    json_t *report = compare_devices("opencl", "opencl");
    check_all_bits_same(report);
    json_decref(report);
}

// Sums in another order: rounding, and no more than that. The loss, a mean, may be the same.
static void test_other_backend(void **state)
{
    (void)state;
    json_t *report = compare_devices("opencl", "cpu"), *distance;
    assert_true(json_is_false(json_object_get(report, "same_bits")));
    size_t i;
    json_array_foreach(json_object_get(report, "distances"), i, distance)
    {
        double relative = json_real_value(json_object_get(distance, "distance"));
        if (strcmp(json_string_value(json_object_get(distance, "of")), "loss") == 0)
            continue;
        assert_true(json_is_false(json_object_get(distance, "same_bits")));
        assert_true(json_is_string(json_object_get(distance, "largest_at")));
        assert_true(relative > 0 && relative <= 1e-3);
    }
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_itself),
        cmocka_unit_test(test_other_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
