// SPDX-License-Identifier: Apache-2.0
// The default network and settings learn.
#include "support/program.h"
#include "support/run_files.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

// One epoch of 1,600 images, from the default network and settings: it learns, and eval gives the
// figures of train again.
static void test_learning(void **state)
{
    char data[512], out[512], model[600], figures[256];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "made/for/this"));
    snprintf(model, sizeof model, "%s/model.safetensors", out);
    write_small_mnist(CLEF_MNIST, data, 2000, 500);
    struct program_result trained = RUN_CLEF("train", "--data", data, "--limit", "2000", "--epochs",
                                             "1", "--update-bn", "5", "--out", out);
    check_exit(&trained, 0);
    assert_string_equal("", trained.err);
    check_contains(trained.out, "11,707,394 parameters");
    check_contains(trained.out, "1600 training, 400 validation, 500 test images");
    check_contains(trained.out, "Epoch 1/1 - ");
    check_contains(trained.out, " - val_accuracy: 0.");

    json_t *summary = load_json(temp_path(state, "made/for/this/summary.json"));
    check_summary(summary, 1);
    const json_t *epoch = json_array_get(json_object_get(summary, "epochs"), 0);
    // The loss of a network that knows nothing of ten classes is log(10).
    if (!(real_of(epoch, "accuracy") > 0.5) || !(real_of(epoch, "loss") < log(10)))
        fail_msg("accuracy %g, loss %g", real_of(epoch, "accuracy"), real_of(epoch, "loss"));
    if (!(real_of(json_object_get(summary, "test"), "accuracy") > 0.5))
        fail_msg("test accuracy %g", real_of(json_object_get(summary, "test"), "accuracy"));
    check_history(temp_path(state, "made/for/this/history.csv"), summary);
    assert_int_equal(4, count_entries(out));

    const json_t *test = json_object_get(summary, "test");
    snprintf(figures, sizeof figures, "test_loss: %.17g\ntest_accuracy: %.17g\n",
             real_of(test, "loss"), real_of(test, "accuracy"));
    check_contains(trained.out, figures);
    struct program_result evaluated = RUN_CLEF("eval", "--model", model, "--data", data);
    check_exit(&evaluated, 0);
    check_contains(evaluated.out, figures);
    check_contains(evaluated.out, "Device: ");
    program_release(&evaluated);

    // What "auto" took, and why, wherever the tests run.
    evaluated = RUN_CLEF("eval", "--model", model, "--data", data, "--device", "auto");
    check_exit(&evaluated, 0);
    check_contains(evaluated.out, "\n  auto took ");
    program_release(&evaluated);

    evaluated = RUN_CLEF("eval", "--model", model, "--data", data, "--json", "--threads", "1");
    check_exit(&evaluated, 0);
    json_t *report = json_loads(evaluated.out, 0, NULL);
    assert_non_null(report);
    assert_true(json_equal((json_t *)test, json_object_get(report, "test")));
    assert_int_equal(500, real_of(report, "images"));
    json_decref(report);
    json_decref(summary);
    program_release(&evaluated);
    program_release(&trained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {IN_DIRECTORY(test_learning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
