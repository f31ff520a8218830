// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"

#include "fuzz_meter.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("fuzz: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

// The readers take paths: a file in memory has one.
static void write_file(int file, const uint8_t *bytes, size_t size)
{
    if (ftruncate(file, 0) != 0 || pwrite(file, bytes, size, 0) != (ssize_t)size)
        fuzz_fail("cannot write %zu bytes of input: %s", size, strerror(errno));
}

// The number that the next file would get: the same before and after, unless one was left open.
static int next_descriptor(int file)
{
    int next = dup(file);
    if (next < 0)
        fuzz_fail("cannot duplicate a descriptor: %s", strerror(errno));
    close(next);
    return next;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static int file = -1;
    static char path[32];
    if (file < 0) {
        file = memfd_create("input", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        if (fuzz_target.prepare)
            fuzz_target.prepare();
        pthread_atfork(NULL, NULL, fuzz_meter_end); // A child has limits of its own.
    }
    write_file(file, bytes, size);
    int before = next_descriptor(file);
    fuzz_meter_begin(fuzz_target.bound(bytes, size), size);
    fuzz_target.read(path, bytes, size);
    fuzz_meter_end();
    if (next_descriptor(file) != before)
        fuzz_fail("a file was left open");
    return 0;
}
