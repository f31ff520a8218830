// SPDX-License-Identifier: Apache-2.0
// The program of docs/examples trains, and what it saves is a model.
#include "support/program.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUN_EXAMPLE(...)                                    \
    program_run(CLEF_EXAMPLE, &(struct program_setting){0}, \
                (const char *const[]){__VA_ARGS__, NULL})

static void test_trains(void **state)
{
    char data[512], model[512];
    double loss, accuracy;
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(model, sizeof model, "%s", temp_path(state, "model.safetensors"));
    write_small_mnist(CLEF_MNIST, data, 640, 100);
    struct program_result result = RUN_EXAMPLE(data, "2", "640", model);
    check_exit(&result, 0);
    check_contains(result.out, "epoch 1 of 2: loss ");
    const char *last = strstr(result.out, "epoch 2 of 2: loss ");
    assert_non_null(last);
    assert_int_equal(2, sscanf(last, "epoch 2 of 2: loss %lf, accuracy %lf", &loss, &accuracy));
    if (!(accuracy > 0.5))
        fail_msg("accuracy %g after two epochs", accuracy);
    program_release(&result);
    result = RUN_CLEF("eval", "--model", model, "--data", data);
    check_exit(&result, 0);
    program_release(&result);
}

static void test_tells_a_failure(void **state)
{
    struct program_result result = RUN_EXAMPLE(temp_path(state, "data"), "1", "1", "model");
    check_exit(&result, 1);
    check_contains(result.err, "NOT_FOUND: ");
    program_release(&result);
}

// It is short enough to read at once, and needs nothing but the public interface.
static void test_is_short(void **state)
{
    size_t size;
    int lines = 0;
    (void)state;
    char *text = read_file(CLEF_EXAMPLE_SOURCE, &size);
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    assert_in_range(lines, 1, 59);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_trains),
        IN_DIRECTORY(test_tells_a_failure),
        cmocka_unit_test(test_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
