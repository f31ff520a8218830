// SPDX-License-Identifier: Apache-2.0
// `clef check --against` between the OpenCL device and itself, and the plain C backend.
#include "support/comparison.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_itself(void **state)
{
    (void)state;
    json_t *report = compare_devices("opencl", "opencl");
    check_all_bits_same(report);
    json_decref(report);
}

static void test_other_backend(void **state)
{
    (void)state;
    json_t *report = compare_devices("opencl", "cpu");
    check_only_rounding(report);
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
