// SPDX-License-Identifier: Apache-2.0
// Checkpoints of a training, and by itself the state that stands in their metadata, which begins
// with a brace.
#include "fuzz.h"

#include "clef/clef.h"
#include "train/checkpoint_json.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define DIGITS 8

static struct clef_device *device;

static void open_device(void)
{
    struct clef_device_options options = {.threads = 1};
    if (clef_device_open("cpu", &options, &device) != CLEF_OK)
        fuzz_fail("%s", clef_last_error());
}

// ---------------------------------------------------------------- the state

// What could be read is the same after it was written and read.
static void check_round_trip(const struct clef_checkpoint *checkpoint)
{
    struct clef_checkpoint again = {0};
    char *first = checkpoint_to_json(checkpoint);
    if (!first || checkpoint_from_json(first, &again) != CLEF_OK)
        fuzz_fail("a state that was written cannot be read: %s", clef_last_error());
    char *second = checkpoint_to_json(&again);
    if (!second || strcmp(first, second) != 0)
        fuzz_fail("the state is another after it was written and read");
    free(first);
    free(second);
    free(again.epochs);
}

static void read_state(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        fuzz_fail("no memory for the text");
    memcpy(text, bytes, size);
    text[size] = '\0';
    struct clef_checkpoint checkpoint = {0};
    if (checkpoint_from_json(text, &checkpoint) == CLEF_OK)
        check_round_trip(&checkpoint);
    free(checkpoint.epochs);
    free(text);
}

// ---------------------------------------------------------------- the file

// Puts the right checksum into the file, which no chance would find.
static void set_checksum(const char *path, const uint8_t *bytes, size_t size)
{
    static const char key[] = "\"crc32\":\"";
    const uint8_t *found = memmem(bytes, size, key, sizeof key - 1);
    if (!found)
        return;
    size_t place = (size_t)(found - bytes) + sizeof key - 1;
    if (size - place < DIGITS)
        return;
    char digits[DIGITS + 1] = "00000000";
    uLong sum = crc32_z(0, bytes, place);
    sum = crc32_z(sum, (const uint8_t *)digits, DIGITS);
    sum = crc32_z(sum, bytes + place + DIGITS, size - place - DIGITS);
    snprintf(digits, sizeof digits, "%08lx", sum);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || pwrite(file, digits, DIGITS, (off_t)place) != DIGITS)
        fuzz_fail("cannot write the checksum");
    close(file);
}

static void read_file(const char *path)
{
    struct clef_checkpoint *checkpoint;
    struct clef_model *model;
    if (clef_checkpoint_read(path, &checkpoint) == CLEF_OK)
        clef_checkpoint_destroy(checkpoint);
    if (clef_checkpoint_restore(path, device, &model) == CLEF_OK)
        clef_model_destroy(model);
}

static void read_input(const char *path, const uint8_t *bytes, size_t size)
{
    if (size > 0 && bytes[0] == '{') {
        read_state(bytes, size);
        return;
    }
    set_checksum(path, bytes, size);
    read_file(path);
}

// As for a model, and the buffer that the checksum is computed with.
static size_t bound(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    return 256 * size + (9 << 20);
}

const struct fuzz_target fuzz_target = {.prepare = open_device, .read = read_input, .bound = bound};
