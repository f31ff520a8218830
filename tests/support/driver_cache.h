// SPDX-License-Identifier: Apache-2.0
// PoCL keeps compiled kernels in a directory of its own, which it looks up once in a process: where
// tests change XDG_CACHE_HOME, it must neither move with it nor vanish after the first test.
#ifndef CLEF_TESTS_DRIVER_CACHE_H
#define CLEF_TESTS_DRIVER_CACHE_H

// Fit for the setup and teardown of a group of cmocka's tests; *state is a new directory.
int driver_cache_setup(void **state);
int driver_cache_teardown(void **state);

#endif
