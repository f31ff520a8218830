// SPDX-License-Identifier: Apache-2.0
// Trajectories that another framework recorded.
#include "fuzz.h"

#include "cli/replay_reference.h"

static void read_input(const char *path, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    struct replay_reference reference;
    if (replay_reference_load(path, &reference) == CLEF_OK)
        replay_reference_release(&reference);
}

static size_t bound(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    return 100 * size + (128 << 10);
}

const struct fuzz_target fuzz_target = {.read = read_input, .bound = bound};
