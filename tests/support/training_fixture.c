// SPDX-License-Identifier: Apache-2.0
#include "support/training_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

uint8_t training_pixels[IMAGES * SIZE * SIZE], training_labels[IMAGES];

void training_fill_images(void)
{
    uint32_t random = 7;
    for (int i = 0; i < IMAGES; i++) {
        training_labels[i] = (uint8_t)(i * 7 % CLASSES);
        for (int p = 0; p < SIZE * SIZE; p++) {
            random = random * 1664525u + 1013904223u;
            int bright = p / SIZE / 3 == training_labels[i] ? 150 : 0;
            training_pixels[i * SIZE * SIZE + p] = (uint8_t)(bright + (int)(random >> 24) % 100);
        }
    }
}

struct clef_dataset *training_dataset(void)
{
    struct clef_dataset *dataset;
    training_fill_images();
    if (clef_dataset_from_memory(training_pixels, training_labels, IMAGES, SIZE, SIZE, 1, CLASSES,
                                 &dataset) != CLEF_OK)
        fail_msg("%s", clef_last_error());
    return dataset;
}

struct clef_model *training_model(struct clef_device *device)
{
    struct clef_resnet_config config = {.input_height = PADDED,
                                        .input_width = PADDED,
                                        .input_channels = 1,
                                        .classes = CLASSES,
                                        .stages = 2,
                                        .blocks = {1, 1},
                                        .filters = {4, 6},
                                        .head = CLEF_HEAD_AVGPOOL,
                                        .conv_bias = true,
                                        .batchnorm = {.momentum = 0.99, .epsilon = 1e-3}};
    struct clef_model *model;
    if (clef_model_create_resnet(device, &config, 5, &model) != CLEF_OK)
        fail_msg("%s", clef_last_error());
    return model;
}

struct clef_train_config training_config(int epochs, bool shuffle)
{
    struct clef_train_config config = clef_train_default();
    config.epochs = epochs;
    config.batch_size = BATCH;
    config.shuffle = shuffle;
    return config;
}
