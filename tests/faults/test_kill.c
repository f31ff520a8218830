// SPDX-License-Identifier: Apache-2.0
// Kills trainings at random moments and resumes them: each must end with the same bits as one that
// was left alone. On the device of CLEF_DEVICE.
//
//     test_kill [KILLS [SEED]]
#include "support/driver_cache.h"
#include "support/program.h"
#include "support/run_files.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include "core/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static int kills = 6;
static uint64_t seed = 1;

static struct {
    char data[512];
    char *model;    // The bytes of the run that was left alone,
    json_t *epochs; // and its results, without the time.
    size_t model_size;
    double seconds; // That it took.
} whole;

// What the kills hit.
static struct {
    int early;   // No checkpoint had been made.
    int writing; // A file was left half-written.
    int late;    // The training had ended, and nothing but the test and the saving was left.
} counts;

// A number in [0, 1) (Marsaglia, "Xorshift RNGs", 2003, with a multiplication after).
static double draw(void)
{
    static uint64_t state;
    if (state == 0)
        state = seed * 2 + 1;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (double)(state * UINT64_C(0x2545F4914F6CDD1D) >> 11) * 0x1p-53;
}

// ---------------------------------------------------------------- runs

enum { ARGUMENTS = 24 };

// The arguments of a new run.
static void set_arguments(const char *out, const char *argv[ARGUMENTS])
{
    const char *const fixed[] = {"clef",
                                 "train",
                                 "--data",
                                 whole.data,
                                 "--out",
                                 out,
                                 "--epochs",
                                 "3",
                                 "--blocks",
                                 "1,1",
                                 "--filters",
                                 "8,16",
                                 "--head",
                                 "avgpool",
                                 "--batch-size",
                                 "16",
                                 "--checkpoint-every",
                                 "2",
                                 "--update-bn",
                                 "4",
                                 NULL};
    _Static_assert(sizeof fixed / sizeof fixed[0] <= ARGUMENTS, "room for all arguments");
    memcpy(argv, fixed, sizeof fixed);
}

// Starts a program that prints nothing.
static pid_t start(const char *const argv[])
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child != 0)
        return child;
    int null = open("/dev/null", O_WRONLY);
    if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
        _exit(126);
    execv(CLEF_PROGRAM, (char *const *)(uintptr_t)argv);
    _exit(127);
}

// Runs a training and kills it after some seconds. Returns whether it was still running.
static bool run_and_kill(const char *out, double seconds)
{
    const char *argv[ARGUMENTS];
    int status;
    set_arguments(out, argv);
    pid_t child = start(argv);
    const struct timespec pause = {(time_t)seconds,
                                   (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    assert_int_equal(child, waitpid(child, &status, 0));
    if (!WIFSIGNALED(status) && WEXITSTATUS(status) != 0)
        fail_msg("a run failed by itself, with exit code %d", WEXITSTATUS(status));
    return WIFSIGNALED(status);
}

static void run_to_the_end(const char *out)
{
    const char *argv[ARGUMENTS];
    set_arguments(out, argv);
    struct program_result result =
        program_run(CLEF_PROGRAM, &(struct program_setting){0}, argv + 1);
    check_exit(&result, 0);
    program_release(&result);
}

// ---------------------------------------------------------------- what is left

// Results without the time they took.
static json_t *load_epochs(const char *out)
{
    char path[600];
    snprintf(path, sizeof path, "%s/summary.json", out);
    json_t *summary = load_json(path), *epochs = json_object_get(summary, "epochs");
    json_incref(epochs);
    snprintf(path, sizeof path, "%s/history.csv", out);
    check_history(path, summary);
    json_decref(summary);
    for (size_t i = 0; i < json_array_size(epochs); i++)
        json_object_del(json_array_get(epochs, i), "seconds");
    return epochs;
}

// How many entries of a directory have a text in their name.
static int count_named(const char *path, const char *text)
{
    DIR *stream = opendir(path);
    int count = 0;
    if (stream == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
        count += strstr(entry->d_name, text) != NULL;
    closedir(stream);
    return count;
}

static void note_what_was_hit(const char *out)
{
    char checkpoints[600], last[700];
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", out);
    snprintf(last, sizeof last, "%s/step-0000036.safetensors", checkpoints);
    counts.writing += count_named(checkpoints, ".tmp-") + count_named(out, ".saving-") > 0;
    counts.early += count_named(checkpoints, "step-") == count_named(checkpoints, ".tmp-");
    counts.late += access(last, F_OK) == 0;
}

static void check_same_end(const char *out, int number)
{
    char path[600];
    size_t size;
    snprintf(path, sizeof path, "%s/model.safetensors", out);
    char *model = read_file(path, &size);
    if (size != whole.model_size || memcmp(model, whole.model, size) != 0)
        fail_msg("kill %d with seed %llu: the model differs", number, (unsigned long long)seed);
    free(model);
    json_t *epochs = load_epochs(out);
    if (!json_equal(epochs, whole.epochs))
        fail_msg("kill %d with seed %llu: the history differs", number, (unsigned long long)seed);
    json_decref(epochs);
    // The three files and the checkpoints, of which two and the best are left, and nothing else.
    snprintf(path, sizeof path, "%s/checkpoints", out);
    assert_int_equal(4, count_entries(out));
    assert_int_equal(3, count_entries(path));
}

// ---------------------------------------------------------------- tests

static void kill_and_resume(void **state, int number)
{
    char out[512], name[32];
    snprintf(name, sizeof name, "run%d", number);
    snprintf(out, sizeof out, "%s", temp_path(state, name));
    while (!run_and_kill(out, draw() * whole.seconds)) {
        // It was faster than the first, and has ended.
        whole.seconds *= 0.9;
        struct program_result removed = program_run("/bin/rm", &(struct program_setting){0},
                                                    (const char *const[]){"-r", out, NULL});
        check_exit(&removed, 0);
        program_release(&removed);
    }
    note_what_was_hit(out);
    struct program_result resumed = RUN_CLEF("train", "--resume", out);
    if (resumed.exit_code == 1 && strstr(resumed.err, "there is no checkpoint") != NULL)
        run_to_the_end(out);
    else
        check_exit(&resumed, 0);
    program_release(&resumed);
    check_same_end(out, number);
}

static void test_kills(void **state)
{
    char out[512], path[600];
    snprintf(whole.data, sizeof whole.data, "%s", temp_path(state, "data"));
    write_small_mnist(CLEF_MNIST, whole.data, 240, 40);
    snprintf(out, sizeof out, "%s", temp_path(state, "whole"));
    // The first run may have to compile, and the second tells the time.
    run_to_the_end(temp_path(state, "first"));
    double began = clef_seconds();
    run_to_the_end(out);
    whole.seconds = clef_seconds() - began;
    snprintf(path, sizeof path, "%s/model.safetensors", out);
    whole.model = read_file(path, &whole.model_size);
    whole.epochs = load_epochs(out);
    for (int i = 1; i <= kills; i++)
        kill_and_resume(state, i);
    print_message("%d of %d killed and resumed to the same bits, seed %llu: %d before the first "
                  "checkpoint, %d while a file was written, %d after the last step\n",
                  kills, kills, (unsigned long long)seed, counts.early, counts.writing,
                  counts.late);
    json_decref(whole.epochs);
    free(whole.model);
}

static int setup(void **state)
{
    if (temp_directory_setup(state) != 0)
        return -1;
    return setenv("XDG_CACHE_HOME", temp_path(state, "cache"), 1);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        kills = atoi(argv[1]);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    if (kills < 1) {
        fprintf(stderr, "usage: test_kill [KILLS [SEED]]\n");
        return 2;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kills, setup, temp_directory_teardown),
    };
    return cmocka_run_group_tests(tests, driver_cache_setup, driver_cache_teardown);
}
