// SPDX-License-Identifier: Apache-2.0
// A small data directory for tests that train: the first images of MNIST.
#ifndef CLEF_TESTS_SMALL_MNIST_H
#define CLEF_TESTS_SMALL_MNIST_H

#include "clef/dataset.h"

#include <stdint.h>

// Writes the four files of the first images of a source, plain, into a directory that is created.
void write_small_mnist(const char *source, const char *directory, int training_images,
                       int test_images);

// Writes one IDX file of unsigned bytes; `rank` is 1 or 3.
void write_idx(const char *path, int rank, const int *dims, const uint8_t *bytes);

// Writes a data directory of 10 training and 10 test images of noise, every file sound.
void write_tiny_data(const char *directory);

#endif
