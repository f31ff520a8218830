// SPDX-License-Identifier: Apache-2.0
// What a build without the HDF5 library says.
#include "io/hdf5.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_says_so(void **state)
{
    struct clef_safetensors *file;
    (void)state;
    check_failure(clef_hdf5_write("a.weights.h5", NULL, 0, NULL, NULL, NULL), CLEF_UNSUPPORTED,
                  "a.weights.h5", "built without HDF5");
    check_failure(clef_hdf5_open("a.weights.h5", "layers", &file), CLEF_UNSUPPORTED, "a.weights.h5",
                  "built without HDF5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
