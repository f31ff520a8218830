// SPDX-License-Identifier: Apache-2.0
// A small network and a small data set that it can learn, for tests of training.
#ifndef CLEF_TESTS_TRAINING_FIXTURE_H
#define CLEF_TESTS_TRAINING_FIXTURE_H

#include "clef/clef.h"

// 3 whole batches and one of 5; the images are smaller than the network's input.
enum { IMAGES = 53, BATCH = 16, STEPS = 4, SIZE = 8, PADDED = 10, CLASSES = 3 };

// Each class is bright in a band of its own, over noise. The same whenever they are filled.
extern uint8_t training_pixels[IMAGES * SIZE * SIZE], training_labels[IMAGES];

void training_fill_images(void);

// The data set of these images; fails the test if it cannot be made.
struct clef_dataset *training_dataset(void);

// A network of two stages, with the same first weights each time.
struct clef_model *training_model(struct clef_device *device);

// So many epochs of batches of BATCH with the default's learning rate and seed.
struct clef_train_config training_config(int epochs, bool shuffle);

#endif
