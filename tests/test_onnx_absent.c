// SPDX-License-Identifier: Apache-2.0
// What stands in for the writer of ONNX files in a build without protobuf-c.
#include "clef/onnx.h"
#include "support/expect.h"

static void test_says_what_is_missing(void **unused)
{
    (void)unused;
    EXPECT_FAILS(clef_onnx_save(NULL, "model.onnx"), CLEF_UNSUPPORTED,
                 "install Debian's libprotobuf-c-dev");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_says_what_is_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
