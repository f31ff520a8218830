// SPDX-License-Identifier: Apache-2.0
// The bar on a terminal, from reports of the trainer that are made up.
#include "cli/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Reports step after step of one epoch, at these seconds, and returns all that is printed.
static char *report(const double *seconds, int steps)
{
    char *text = NULL;
    size_t size;
    struct progress progress;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    progress_begin(&progress, stream, true);
    for (int i = 0; i < steps; i++) {
        const struct clef_progress step = {.epoch = 1,
                                           .epochs = 1,
                                           .step = i + 1,
                                           .steps = steps,
                                           .loss = 1,
                                           .accuracy = 0.5,
                                           .seconds = seconds[i]};
        progress_step(&progress, &step);
    }
    progress_end(&progress);
    fclose(stream);
    return text;
}

static void check_bars(const char *text, const char *const *expected, int count)
{
    const char *at = text;
    for (int i = 0; i < count; i++) {
        at = strstr(at, expected[i]);
        if (at == NULL)
            fail_msg("no \"%s\" in its place in:\n%s", expected[i], text);
    }
}

// The plain C backend has computed step k + 1 when step k is reported.
static void test_device_that_computes_at_once(void **state)
{
    static const double seconds[] = {4, 6, 8, 10, 10};
    static const char *const expected[] = {
        "\r1/5 [======>.......................] - ETA: ? - ? - loss: 1.0000 - accuracy: 0.5000",
        "\r2/5 [============>.................] - ETA: 6s - 2s/step - loss",
        "\r3/5 [==================>...........] - ETA: 4s - 2s/step - loss",
        "\r4/5 [========================>.....] - ETA: 2s - 2s/step - loss",
        "\r5/5 [==============================] - ETA: 0s - 2s/step - loss",
    };
    (void)state;
    char *text = report(seconds, 5);
    check_bars(text, expected, 5);
    free(text);
}

// A device with a queue has computed no more than what is reported.
static void test_device_with_a_queue(void **state)
{
    static const double seconds[] = {2, 4, 6};
    static const char *const expected[] = {"\r1/3 [", " - ETA: ? - ? - ",
                                           "\r2/3 [", " - ETA: 2s - 2s/step - ",
                                           "\r3/3 [", " - 2s/step - "};
    (void)state;
    char *text = report(seconds, 3);
    check_bars(text, expected, 6);
    free(text);
}

static void test_one_step(void **state)
{
    static const double seconds[] = {0.25};
    static const char *const expected[] = {" - ETA: 0s - 250ms/step - "};
    (void)state;
    char *text = report(seconds, 1);
    check_bars(text, expected, 1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_device_that_computes_at_once),
        cmocka_unit_test(test_device_with_a_queue),
        cmocka_unit_test(test_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
