// SPDX-License-Identifier: Apache-2.0
// The tests of all ops, on the device that CLEF_TEST_DEVICE names (default "cpu"). `test_ops` runs
// them all, `test_ops OP...` those of the ops named; exit code 77 means that the device is not
// there.
//
// Environment: CLEF_TEST_SEED=N changes the data, CLEF_TEST_CASE=OP#ROW runs a single row,
// CLEF_TEST_ALTERNATIVES=no runs only the algorithms that the device chooses itself,
// CLEF_TEST_BRIEF=N only rows of no more than N operations and bytes, those of small networks
// among them, each once. With CLEF_OPENCL_AS=gpu the rows of a network are always there. A failure
// prints the line that repeats it.
#include "check/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EXIT_SKIPPED 77

static struct clef_check *check;
static uint64_t seed = CLEF_CHECK_DEFAULT_SEED;
static double brief;
static int rows_run;

static const char *environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static void print_failure(void *user, const struct clef_check_failure *failure)
{
    (void)user;
    char threads[32] = "";
    if (failure->threads > 0)
        snprintf(threads, sizeof threads, ", %d threads", failure->threads);
    print_error("%s row %d (%s)%s, algorithm %s:\n    %s\n", failure->op, failure->row,
                failure->shape, threads, failure->algorithm, failure->message);
    const char *cpu = environment("CLEF_CPU", "");
    print_error("  repeat: CLEF_TEST_SEED=%llu CLEF_TEST_CASE=%s#%d CLEF_TEST_DEVICE=%s %s%s%s"
                "test_ops %s\n",
                (unsigned long long)seed, failure->op, failure->row,
                environment("CLEF_TEST_DEVICE", "cpu"), *cpu ? "CLEF_CPU=" : "", cpu,
                *cpu ? " " : "", failure->op);
}

// A network whose tensors are aligned, as those of the table are not.
static int add_network(int image_size, int filters, int dense_units)
{
    struct clef_resnet_config config = clef_resnet_default();
    config.stages = 1;
    config.blocks[0] = 1;
    config.filters[0] = filters;
    config.dense_units = dense_units;
    config.input_height = config.input_width = image_size;
    struct clef_model *model;
    clef_status status = clef_model_create_resnet(clef_check_get_device(check), &config, 0, &model);
    if (status == CLEF_OK)
        status = clef_check_add_network(check, model, 4, true);
    clef_model_destroy(model);
    if (status != CLEF_OK)
        print_error("error: %s\n", clef_last_error());
    return status == CLEF_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

// On graphics processors the convolutions of aligned tensors are kernels of their own, with tiles
// of up to 64 filters. In a brief check the smaller network has what is small enough of each.
static int add_networks(void)
{
    const char *as = environment("CLEF_OPENCL_AS", "");
    if (brief > 0)
        return add_network(8, 32, 32) == EXIT_SUCCESS ? add_network(2, 16, 64) : EXIT_FAILURE;
    return strcmp(as, "gpu") == 0 ? add_network(8, 64, 64) : EXIT_SUCCESS;
}

// EXIT_SKIPPED if CLEF_TEST_DEVICE names a device that is not there, or CLEF_CPU an instruction
// set that the processor lacks.
static int open_device(void)
{
    const char *selector = environment("CLEF_TEST_DEVICE", "cpu");
    const char *seed_text = environment("CLEF_TEST_SEED", "");
    if (*seed_text)
        seed = strtoull(seed_text, NULL, 0);
    brief = strtod(environment("CLEF_TEST_BRIEF", "0"), NULL);
    const struct clef_check_options options = {
        .seed = seed,
        .no_alternatives = strcmp(environment("CLEF_TEST_ALTERNATIVES", "yes"), "no") == 0,
        .brief = brief,
        .failed = print_failure};
    clef_status status = clef_check_open(selector, NULL, &options, &check);
    if (status != CLEF_OK) {
        bool skip = (status == CLEF_NOT_FOUND && getenv("CLEF_TEST_DEVICE")) ||
                    (status == CLEF_UNSUPPORTED && getenv("CLEF_CPU"));
        print_error("%s: device %s: %s\n", skip ? "SKIP" : "error", selector, clef_last_error());
        return skip ? EXIT_SKIPPED : EXIT_FAILURE;
    }
    const struct clef_device_info *info = clef_device_get_info(clef_check_get_device(check));
    print_message("device %s: %s, %s; seed %llu\n", selector, info->name, info->driver,
                  (unsigned long long)seed);
    return add_networks();
}

// The row of the op that CLEF_TEST_CASE names, CLEF_CHECK_ALL_ROWS without it, else none.
static int selected_row(const char *op)
{
    const char *wanted = environment("CLEF_TEST_CASE", "");
    size_t length = strlen(op);
    if (!*wanted)
        return CLEF_CHECK_ALL_ROWS;
    if (strncmp(wanted, op, length) != 0 || wanted[length] != '#')
        return INT32_MAX;
    return (int)strtol(wanted + length + 1, NULL, 10);
}

static void test_op(void **state)
{
    int op = *(const int *)*state;
    struct clef_check_result result;
    clef_check_run_op(check, op, selected_row(clef_check_op_name(op)), &result);
    rows_run += result.rows;
    if (brief > 0) // Whether each of them has run is looked at elsewhere.
        for (int i = 0; i < result.algorithm_count; i++)
            print_message("algorithm: %s\n", result.algorithms[i]);
    if (result.failures > 0)
        fail_msg("%d of %d rows failed", result.failures, result.rows);
}

// Runs the test of one op.
static int run_op_test(int op)
{
    const struct CMUnitTest test[] = {{clef_check_op_name(op), test_op, NULL, NULL, &op}};
    return cmocka_run_group_tests_name(test[0].name, test, NULL, NULL);
}

// Runs the tests of the op named, or all for NULL; returns the number of failures.
static int run_op_tests(const char *name)
{
    int failures = 0, found = 0;
    for (int op = 0; op < clef_check_op_count(); op++) {
        if (name && strcmp(name, clef_check_op_name(op)) != 0)
            continue;
        failures += run_op_test(op);
        found++;
    }
    if (found > 0)
        return failures;
    fprintf(stderr, "there is no op named %s\n", name);
    return 1;
}

int main(int argc, char **argv)
{
    int code = open_device();
    if (code != EXIT_SUCCESS)
        return code;
    int failures = argc < 2 ? run_op_tests(NULL) : 0;
    for (int i = 1; i < argc; i++)
        failures += run_op_tests(argv[i]);
    clef_check_close(check);
    if (rows_run == 0) {
        fprintf(stderr, "no row ran: does CLEF_TEST_CASE name one?\n");
        return EXIT_FAILURE;
    }
    printf("%d rows\n", rows_run);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
