// SPDX-License-Identifier: Apache-2.0
// A user's own pictures, from the files to the figures of the test.
#include "support/picture_files.h"
#include "support/program.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define NETWORK                                                                        \
    "--image-size", "16", "--blocks", "1,1", "--filters", "8,16", "--head", "avgpool", \
        "--classes", "2", "--device", "cpu"

static char data[300], out[300], model[300];

static int set_up(void **state)
{
    temp_directory_setup(state);
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "run"));
    snprintf(model, sizeof model, "%s", temp_path(state, "run/model.safetensors"));
    mkdir(data, 0777);
    write_two_classes(temp_path(state, "data/train"), 20);
    write_two_classes(temp_path(state, "data/test"), 4);
    return 0;
}

// The classes are told apart, and the model that was saved gives the figures of its training,
// which goes on with the same pictures.
static void test_learns(void **state)
{
    (void)state;
    struct program_result train = RUN_CLEF("train", "--data", data, "--epochs", "12",
                                           "--batch-size", "8", "--out", out, NETWORK);
    check_exit(&train, 0);
    check_contains(train.out, "32 training, 8 validation, 8 test images");
    check_contains(train.out, " - accuracy: 1.0000 - ");
    struct program_result resumed =
        RUN_CLEF("train", "--resume", out, "--epochs", "13", "--data", data, "--quiet");
    check_exit(&resumed, 0);
    struct program_result eval =
        RUN_CLEF("eval", "--model", model, "--data", data, "--device", "cpu");
    check_exit(&eval, 0);
    check_contains(resumed.out, "test_accuracy");
    check_contains(eval.out, resumed.out);
    program_release(&train);
    program_release(&eval);
    program_release(&resumed);
}

static void check_fails(const char *text)
{
    struct program_result result =
        RUN_CLEF("train", "--data", data, "--epochs", "1", "--out", out, NETWORK);
    check_exit(&result, 1);
    check_one_line(&result, text);
    program_release(&result);
    struct stat about;
    assert_int_equal(-1, stat(out, &about));
}

static void test_refuses(void **state)
{
    write_file(temp_path(state, "data/train/grey/003.png"), "\x89PNG\r\n\x1a\n", 8);
    check_fails("grey/003.png: expected an intact PNG file, found: it is cut off");
    copy_picture("rgb.png", temp_path(state, "data/train"), "third", "a.png");
    check_fails("third is the folder of one class too many: the network has 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_learns, set_up, temp_directory_teardown),
        cmocka_unit_test_setup_teardown(test_refuses, set_up, temp_directory_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
