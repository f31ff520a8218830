// SPDX-License-Identifier: Apache-2.0
// Runs `clef check --against`.
#ifndef CLEF_TESTS_COMPARISON_H
#define CLEF_TESTS_COMPARISON_H

#include <jansson.h>

// Compares two devices, which must pass, and returns the report, with a distance of each kind.
// Release with json_decref.
json_t *compare_devices(const char *device, const char *against);

// Fails the test unless every distance is 0 and all bits are the same.
void check_all_bits_same(const json_t *report);

// Fails the test if the devices differ by more than rounding.
void check_at_most_rounding(const json_t *report);

// Fails the test unless the devices differ by rounding, and by no more than that. The loss, a mean,
// may be the same.
void check_only_rounding(const json_t *report);

#endif
