// SPDX-License-Identifier: Apache-2.0
// Watches how much memory is in use, of the heap and mapped by the library. It needs the address
// sanitizer, and watches nothing in a build without it.
#ifndef CLEF_TESTS_FUZZ_METER_H
#define CLEF_TESTS_FUZZ_METER_H

#include <stddef.h>

// From here to the end, more than `bound` bytes in use beyond what is in use now are a fault.
// `size` is that of the input, for the message.
void fuzz_meter_begin(size_t bound, size_t size);
void fuzz_meter_end(void);

#endif
