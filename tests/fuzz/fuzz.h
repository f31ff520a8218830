// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share. A target is one file, fuzz_NAME.c, that hands hostile bytes to one
// reader; libFuzzer makes the bytes in the preset "fuzz", and in all others the files of
// corpus/NAME are read once.
#ifndef CLEF_TESTS_FUZZ_H
#define CLEF_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_target {
    // Called once, before all else; may be NULL.
    void (*prepare)(void);
    // Reads the file at `path`, which holds these bytes, and releases all that was made of it.
    void (*read)(const char *path, const uint8_t *bytes, size_t size);
    // More bytes of memory than this in use at any moment of `read` are a fault. The bounds stand
    // in docs/reliability.md.
    size_t (*bound)(const uint8_t *bytes, size_t size);
};

// Each target defines it.
extern const struct fuzz_target fuzz_target;

// Ends the process with a line that says what is wrong.
_Noreturn void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// libFuzzer's entry.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#endif
