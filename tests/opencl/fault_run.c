// SPDX-License-Identifier: Apache-2.0
#include "fault_run.h"

#include "core/error.h"
#include "opencl/ocl_error.h"
#include "support/call_stride.h"
#include "support/driver_cache.h"
#include "support/temp_directory.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { BATCH = 3, SIDE = 8, CLASSES = 3, STEPS = 3 };

// Under a sanitizer only each call of so many fails: a run takes four times as long there, most of
// it for copies of each file that the driver reads.
#ifdef __SANITIZE_ADDRESS__
#define EVERY 5
#else
#define EVERY 1
#endif

// What a run has come to.
struct outcome {
    clef_status status;
    struct clef_metrics steps[STEPS];
    char error[2048]; // As it was before anything was released.
};

static struct failing_loader *loader;
static struct outcome reference; // Of a run in which nothing fails.
static int cached_files;         // That it has left in the cache of kernels.

struct failing_loader *fault_loader(void)
{
    return loader;
}

void check_no_objects(const char *when)
{
    static const char *const names[FAILING_KINDS] = {
        [FAILING_CONTEXT] = "contexts", [FAILING_QUEUE] = "queues",   [FAILING_MEMORY] = "buffers",
        [FAILING_PROGRAM] = "programs", [FAILING_KERNEL] = "kernels", [FAILING_EVENT] = "events"};
    for (int kind = 0; kind < FAILING_KINDS; kind++)
        if (loader->live[kind] != 0)
            fail_msg("%s: %d %s are left", when, loader->live[kind], names[kind]);
}

// ---------------------------------------------------------------- a run

// The second training step is enqueued before the first is waited for.
static clef_status take_steps(struct clef_model *model, struct clef_metrics *metrics)
{
    static uint8_t images[BATCH * SIDE * SIDE];
    static const int32_t labels[BATCH] = {0, 1, 2};
    for (int i = 0; i < BATCH * SIDE * SIDE; i++)
        images[i] = (uint8_t)(i * 37 + 11);
    const struct clef_batch batch = {images, labels, BATCH};
    int tickets[STEPS];
    CLEF_TRY(clef_model_train_step(model, &batch, 1e-3f, &tickets[0]));
    CLEF_TRY(clef_model_train_step(model, &batch, 1e-3f, &tickets[1]));
    CLEF_TRY(clef_model_wait(model, tickets[0], &metrics[0]));
    CLEF_TRY(clef_model_wait(model, tickets[1], &metrics[1]));
    CLEF_TRY(clef_model_evaluate_step(model, &batch, &tickets[2]));
    return clef_model_wait(model, tickets[2], &metrics[2]);
}

static struct outcome run(const struct clef_device_options *options, const char *file)
{
    const struct clef_resnet_config config = {.input_height = SIDE,
                                              .input_width = SIDE,
                                              .input_channels = 1,
                                              .classes = CLASSES,
                                              .stages = 1,
                                              .blocks = {1},
                                              .filters = {6},
                                              .head = CLEF_HEAD_AVGPOOL,
                                              .conv_bias = true,
                                              .batchnorm = {.momentum = 0.99, .epsilon = 1e-3}};
    struct clef_device *device = NULL;
    struct clef_model *model = NULL;
    struct outcome outcome = {0};
    outcome.status = clef_device_open("opencl", options, &device);
    if (outcome.status == CLEF_OK)
        outcome.status = clef_model_create_resnet(device, &config, 1, &model);
    if (outcome.status == CLEF_OK)
        outcome.status = take_steps(model, outcome.steps);
    if (outcome.status == CLEF_OK)
        outcome.status = clef_model_save(model, BATCH, file);
    if (outcome.status != CLEF_OK)
        snprintf(outcome.error, sizeof outcome.error, "%s", clef_last_error());
    clef_model_destroy(model);
    clef_device_close(device);
    return outcome;
}

static void check_same_steps(const char *when, const struct outcome *outcome)
{
    for (int i = 0; i < STEPS; i++)
        if (!(outcome->steps[i].loss == reference.steps[i].loss) ||
            outcome->steps[i].correct != reference.steps[i].correct)
            fail_msg("%s: step %d has the loss %.9g instead of %.9g", when, i + 1,
                     outcome->steps[i].loss, reference.steps[i].loss);
}

// ---------------------------------------------------------------- faults

// Calls that CLBlast makes are told by the name of the function that we called.
static void check_error(const char *when, const struct fault *fault, const struct outcome *outcome)
{
    const char *error = outcome->error;
    if ((!strstr(error, fault->function) && !strstr(error, "CLBlastS")) ||
        !strstr(error, ocl_error_name(fault->code)) || strchr(error, '\n'))
        fail_msg("%s: not one line with this call and %s: %s", when, ocl_error_name(fault->code),
                 error);
    if (strcmp(fault->function, "clBuildProgram") == 0 && !strstr(error, "as the test wants it"))
        fail_msg("%s: no log of the compiler in: %s", when, error);
}

// Returns false if no call has failed, since there were not so many.
static bool check_fault(void **state, const struct clef_device_options *options,
                        const struct fault *fault, int number)
{
    char when[128];
    snprintf(when, sizeof when, "%s, call %d", fault->function, number);
    snprintf(loader->function, sizeof loader->function, "%s", fault->function);
    loader->number = number;
    loader->code = fault->code;
    loader->calls = 0;
    (void)unlink(temp_path(state, "out/model.safetensors")); // Of the run before.
    struct outcome outcome = run(options, temp_path(state, "out/model.safetensors"));
    loader->function[0] = '\0';
    check_no_objects(when);
    bool failed = loader->calls >= number, recovered = outcome.status == CLEF_OK;
    if (recovered) {
        if (failed && !fault->may_recover)
            fail_msg("%s: the fault went unnoticed", when);
        check_same_steps(when, &outcome);
    } else {
        check_error(when, fault, &outcome);
    }
    assert_int_equal(recovered, count_entries(temp_path(state, "out")));
    // Neither a part of a file nor one that was not there.
    assert_int_equal(cached_files, count_entries(temp_path(state, "clef/kernels")));
    return failed;
}

void check_faults(void **state, const struct clef_device_options *options,
                  const struct fault *faults)
{
    reference = run(NULL, temp_path(state, "reference.safetensors"));
    if (reference.status != CLEF_OK)
        fail_msg("%s", reference.error);
    check_no_objects("without a fault");
    cached_files = count_entries(temp_path(state, "clef/kernels"));
    for (; faults->function; faults++) {
        int stride = call_stride(EVERY * (faults->stride ? faults->stride : 1)), number = 1;
        while (check_fault(state, options, faults, number))
            number += stride;
        if (number == 1)
            fail_msg("a run does not call %s", faults->function);
        print_message("%s: %d calls\n", faults->function, loader->calls);
    }
}

// ---------------------------------------------------------------- set-up

int fault_setup(void **state)
{
    (void)state;
    unsetenv("CLEF_OPENCL_TRANSFERS");
    unsetenv("CLEF_OPENCL_AS");
    unsetenv("CLEF_KERNEL_CACHE");
    unsetenv("CLEF_CONV");
    unsetenv("CLEF_FAIL");
    return 0;
}

int fault_group_setup(void **state)
{
    if (driver_cache_setup(state) != 0)
        return -1;
    setenv("XDG_CACHE_HOME", *state, 1);
    setenv("XDG_STATE_HOME", *state, 1);
    setenv("CLEF_OPENCL_LIBRARY", CLEF_FAILING_LOADER, 1);
    void *library = dlopen(CLEF_FAILING_LOADER, RTLD_NOW | RTLD_GLOBAL);
    loader = library ? dlsym(library, "failing_loader") : NULL;
    return loader ? mkdir(temp_path(state, "out"), 0777) : -1;
}

int fault_group_teardown(void **state)
{
    return driver_cache_teardown(state);
}
