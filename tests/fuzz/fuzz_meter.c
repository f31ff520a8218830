// SPDX-License-Identifier: Apache-2.0
#include "fuzz_meter.h"

#include "fuzz.h"

#include <sys/mman.h>

#ifdef __has_feature
#define HAS_ADDRESS_SANITIZER __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#else
#define HAS_ADDRESS_SANITIZER 0
#endif

#if HAS_ADDRESS_SANITIZER

#include <stdbool.h>

// Of sanitizer/allocator_interface.h, which GCC does not install.
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));
size_t __sanitizer_get_current_allocated_bytes(void);

static struct {
    bool on;
    size_t bound, size;
    size_t before; // Bytes of the heap in use at the beginning.
    size_t mapped; // Bytes mapped since then.
    size_t used;   // At most so many bytes more are in use now.
} meter;

// To ask what is in use takes long, so that it is done only when the sum of what was allocated
// since the last time could be too much.
static void add(size_t size)
{
    meter.used += size;
    if (!meter.on || meter.used <= meter.bound)
        return;
    size_t now = __sanitizer_get_current_allocated_bytes();
    meter.used = meter.mapped + (now > meter.before ? now - meter.before : 0);
    if (meter.used <= meter.bound)
        return;
    meter.on = false;
    fuzz_fail("%zu bytes in use for an input of %zu bytes, and the bound is %zu", meter.used,
              meter.size, meter.bound);
}

static void on_malloc(const volatile void *memory, size_t size)
{
    (void)memory;
    add(size);
}

static void on_free(const volatile void *memory)
{
    (void)memory;
}

static void on_map(size_t size)
{
    meter.mapped += size;
    add(size);
}

void fuzz_meter_begin(size_t bound, size_t size)
{
    static bool installed;
    if (!installed && __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) == 0)
        fuzz_fail("the sanitizer takes no hooks");
    installed = true;
    meter.bound = bound;
    meter.size = size;
    meter.before = __sanitizer_get_current_allocated_bytes();
    meter.mapped = meter.used = 0;
    meter.on = true;
}

void fuzz_meter_end(void)
{
    meter.on = false;
}

#else

static void on_map(size_t size)
{
    (void)size;
}

void fuzz_meter_begin(size_t bound, size_t size)
{
    (void)bound;
    (void)size;
}

void fuzz_meter_end(void)
{
}

#endif

void *__real_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);

// The linker puts it before the library's calls, see CMakeLists.txt.
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    on_map(size);
    return __real_mmap(address, size, protection, flags, file, offset);
}
