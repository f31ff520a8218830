// SPDX-License-Identifier: Apache-2.0
#include "fuzz_child.h"

#include "fuzz.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// libFuzzer reads and clears the bytes of this section beside the compiler's own counters.
enum { MOST_COUNTERS = 64 << 10, PAGE = 4096 };
static uint8_t seen_in_child[MOST_COUNTERS]
    __attribute__((aligned(PAGE), section("__libfuzzer_extra_counters"), used));

// The compiler's counters of this program, which the linker puts between these.
extern const uint8_t __start___sancov_cntrs[] __attribute__((weak));
extern const uint8_t __stop___sancov_cntrs[] __attribute__((weak));

void fuzz_watch_children(void)
{
    if (mmap(seen_in_child, sizeof seen_in_child, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (void *)seen_in_child)
        fuzz_fail("cannot share the counters with child processes");
}

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

// The linker puts it before the library's calls, see CMakeLists.txt.
void __wrap__exit(int status)
{
    size_t count = (size_t)(__stop___sancov_cntrs - __start___sancov_cntrs);
    for (size_t i = 0; i < count && i < MOST_COUNTERS; i++)
        seen_in_child[i] = __start___sancov_cntrs[i];
    __real__exit(status);
}
