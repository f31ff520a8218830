// SPDX-License-Identifier: Apache-2.0
// The tests of all ops. `test_ops` runs them all, `test_ops OP...` those of the ops named; exit
// code 77 means that the device is not there.
#include "support/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EXIT_SKIPPED 77

#define TEST_ROW(op) {#op, test_op_##op, NULL, NULL, NULL},
static const struct CMUnitTest all_tests[] = {CLEF_OP_LIST(TEST_ROW)};

// Runs one op's test, or all for NULL; returns the number of failures, 1 for an unknown name.
static int run_op_tests(const char *op)
{
    for (int i = 0; op && i < ARRAY_LENGTH(all_tests); i++) {
        if (strcmp(all_tests[i].name, op) != 0)
            continue;
        const struct CMUnitTest one_test[] = {all_tests[i]};
        return cmocka_run_group_tests_name(op, one_test, NULL, NULL);
    }
    if (!op)
        return cmocka_run_group_tests_name("ops", all_tests, NULL, NULL);
    fprintf(stderr, "there is no op named %s\n", op);
    return 1;
}

int main(int argc, char **argv)
{
    bool skip;
    if (!harness_open(&skip)) {
        harness_close();
        return skip ? EXIT_SKIPPED : EXIT_FAILURE;
    }
    int failures = argc < 2 ? run_op_tests(NULL) : 0;
    for (int i = 1; i < argc; i++)
        failures += run_op_tests(argv[i]);
    harness_close();
    if (harness_rows_run() == 0) {
        fprintf(stderr, "no row ran: does CLEF_TEST_CASE name one?\n");
        return EXIT_FAILURE;
    }
    printf("%d rows\n", harness_rows_run());
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
