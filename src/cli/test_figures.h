// SPDX-License-Identifier: Apache-2.0
// How train and eval print what a model reached on the test set: the same text from both.
#ifndef CLEF_CLI_TEST_FIGURES_H
#define CLEF_CLI_TEST_FIGURES_H

#include "clef/trainer.h"

#include <stdio.h>

static inline void print_test_figures(FILE *stream, const struct clef_evaluation *test)
{
    fprintf(stream, "Test accuracy: %.2f %%\ntest_loss: %.17g\ntest_accuracy: %.17g\n",
            100 * test->accuracy, test->loss, test->accuracy);
}

#endif
