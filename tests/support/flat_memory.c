// SPDX-License-Identifier: Apache-2.0
#include "support/flat_memory.h"

#include "clef/clef.h"
#include "support/expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SIDE = 16, CLASSES = 3, BATCH = 8, STEPS_OF_EPOCH = 20, IMAGES = BATCH * STEPS_OF_EPOCH };
enum { EPOCHS = FLAT_MEMORY_LATE / STEPS_OF_EPOCH };

struct watch {
    int steps;
    long early, late; // KiB.
    void (*look)(int step);
};

// In KiB. Not from /proc/self/statm, which is behind by some pages for each thread.
static long resident_size(void)
{
    char line[256];
    long size = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    assert_non_null(file);
    while (size == 0 && fgets(line, sizeof line, file))
        (void)sscanf(line, "Rss: %ld kB", &size);
    fclose(file);
    assert_true(size > 0);
    return size;
}

static bool watch_step(void *user, const struct clef_progress *progress)
{
    struct watch *watch = user;
    (void)progress;
    int step = ++watch->steps;
    if (step == 1)
        (void)resident_size(); // Looking for the first time takes memory itself.
    if (step != FLAT_MEMORY_EARLY && step != FLAT_MEMORY_LATE)
        return true;
    *(step == FLAT_MEMORY_EARLY ? &watch->early : &watch->late) = resident_size();
    if (watch->look)
        watch->look(step);
    return true;
}

static struct clef_dataset *make_images(void)
{
    static uint8_t pixels[IMAGES * SIDE * SIDE], labels[IMAGES];
    for (int i = 0; i < IMAGES * SIDE * SIDE; i++)
        pixels[i] = (uint8_t)(i * 37 + i / 251);
    for (int i = 0; i < IMAGES; i++)
        labels[i] = (uint8_t)(i % CLASSES);
    struct clef_dataset *dataset;
    EXPECT_OK(clef_dataset_from_memory(pixels, labels, IMAGES, SIDE, SIDE, 1, CLASSES, &dataset));
    return dataset;
}

static void train(const char *selector, struct watch *watch)
{
    const struct clef_resnet_config network = {.input_height = SIDE,
                                               .input_width = SIDE,
                                               .input_channels = 1,
                                               .classes = CLASSES,
                                               .stages = 2,
                                               .blocks = {1, 1},
                                               .filters = {24, 48},
                                               .head = CLEF_HEAD_AVGPOOL,
                                               .conv_bias = true,
                                               .batchnorm = {.momentum = 0.99, .epsilon = 1e-3}};
    struct clef_train_config config = clef_train_default();
    config.epochs = EPOCHS;
    config.batch_size = BATCH;
    const struct clef_train_callbacks callbacks = {.user = watch, .on_step = watch_step};
    struct clef_dataset *images = make_images(), *validation;
    struct clef_epoch epochs[EPOCHS];
    struct clef_device *device;
    struct clef_model *model;
    int done;
    EXPECT_OK(clef_dataset_slice(images, 0, 2 * BATCH, &validation));
    EXPECT_OK(clef_device_open(selector, NULL, &device));
    EXPECT_OK(clef_model_create_resnet(device, &network, 1, &model));
    EXPECT_OK(clef_train(model, images, validation, &config, &callbacks, epochs, &done));
    clef_model_destroy(model);
    clef_device_close(device);
    clef_dataset_destroy(validation);
    clef_dataset_destroy(images);
}

void check_flat_memory(const char *device, void (*look)(int step))
{
    struct watch watch = {.look = look};
    train(device, &watch);
    assert_int_equal(FLAT_MEMORY_LATE, watch.steps);
    print_message("%ld KiB after step %d, %ld after step %d\n", watch.early, FLAT_MEMORY_EARLY,
                  watch.late, FLAT_MEMORY_LATE);
#ifndef __SANITIZE_ADDRESS__ // Which keeps released memory for a while, to find uses of it.
    if (100 * labs(watch.late - watch.early) >= watch.early)
        fail_msg("the resident size went from %ld to %ld KiB", watch.early, watch.late);
#endif
}
