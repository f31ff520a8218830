// SPDX-License-Identifier: Apache-2.0
// A long training takes no more memory than a short one. That of OpenCL is in tests/opencl.
#include "support/flat_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_long_training(void **state)
{
    (void)state;
    check_flat_memory("cpu", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_long_training)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
