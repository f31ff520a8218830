// SPDX-License-Identifier: Apache-2.0
// Whether training takes the same memory however long it goes on.
#ifndef CLEF_TESTS_FLAT_MEMORY_H
#define CLEF_TESTS_FLAT_MEMORY_H

// The steps at which is looked.
enum { FLAT_MEMORY_EARLY = 100, FLAT_MEMORY_LATE = 1000 };

// Trains a small network on a device for 1,000 steps, with validations, and fails the test unless
// the process's resident size after step 100 and after step 1,000 differ by less than 1 %.
// `look` is called at the same two steps, and may be NULL.
void check_flat_memory(const char *device, void (*look)(int step));

#endif
