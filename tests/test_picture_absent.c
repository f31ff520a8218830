// SPDX-License-Identifier: Apache-2.0
// What a build without libpng and libjpeg says.
#include "io/picture.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_says_so(void **state)
{
    struct clef_picture picture;
    (void)state;
    check_failure(clef_picture_read("a.png", &picture), CLEF_UNSUPPORTED, "a.png",
                  "built without PNG and JPEG");
    clef_picture_free(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
