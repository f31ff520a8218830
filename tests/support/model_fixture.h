// SPDX-License-Identifier: Apache-2.0
// A small model on the device under test with a batch of random images, for tests of models.
#ifndef CLEF_SUPPORT_MODEL_FIXTURE_H
#define CLEF_SUPPORT_MODEL_FIXTURE_H

#include "clef/model.h"
#include "support/expect.h"

#include <stddef.h>
#include <stdint.h>

#define FIXTURE_BATCH 13
#define FIXTURE_SIDE 16
#define FIXTURE_CLASSES 5

struct fixture {
    struct clef_device *device;
    struct clef_model *model;
    uint8_t images[FIXTURE_BATCH * FIXTURE_SIDE * FIXTURE_SIDE];
    int32_t labels[FIXTURE_BATCH];
    struct clef_batch batch;
};

// A network of two stages for 16x16x1 images and 5 classes.
struct clef_resnet_config fixture_config(void);

// Makes the model from a seed; the images are always the same.
void fixture_open(struct fixture *fixture, int threads, uint64_t seed);
void fixture_close(struct fixture *fixture);

// cmocka's set-up and tear-down: 2 threads, seed 1.
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

// One step on the batch, waited for. Any failure fails the test.
struct clef_metrics fixture_train(struct fixture *fixture, float learning_rate);
struct clef_metrics fixture_evaluate(struct fixture *fixture);

// All parameters, one after another. The caller frees them.
float *fixture_read_all(struct clef_model *model, size_t *count);

int fixture_find_parameter(const struct clef_model *model, const char *name);

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

#endif
