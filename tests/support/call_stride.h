// SPDX-License-Identifier: Apache-2.0
// How many of the calls that can fail a test has fail.
#ifndef CLEF_TESTS_CALL_STRIDE_H
#define CLEF_TESTS_CALL_STRIDE_H

// From one call that fails to the next: 1, which is each call, with CLEF_TEST_EVERY_CALL in the
// environment, else `stride`. A stride of 0 is each call, too.
int call_stride(int stride);

#endif
