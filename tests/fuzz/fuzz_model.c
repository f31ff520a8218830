// SPDX-License-Identifier: Apache-2.0
// Models, and by itself the configuration that stands in their metadata, which begins with a brace.
#include "fuzz.h"

#include "clef/clef.h"
#include "model/resnet_json.h"

#include <stdlib.h>
#include <string.h>

static struct clef_device *device;

static void open_device(void)
{
    struct clef_device_options options = {.threads = 1};
    if (clef_device_open("cpu", &options, &device) != CLEF_OK)
        fuzz_fail("%s", clef_last_error());
}

// What could be read is the same after it was written and read.
static void check_round_trip(const struct clef_resnet_config *config)
{
    struct clef_resnet_config again;
    char *first = clef_resnet_to_json(config);
    if (!first || clef_resnet_from_json(first, &again) != CLEF_OK)
        fuzz_fail("a configuration that was written cannot be read: %s", clef_last_error());
    char *second = clef_resnet_to_json(&again);
    if (!second || strcmp(first, second) != 0)
        fuzz_fail("the configuration is another after it was written and read");
    free(first);
    free(second);
}

static void read_configuration(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        fuzz_fail("no memory for the text");
    memcpy(text, bytes, size);
    text[size] = '\0';
    struct clef_resnet_config config;
    if (clef_resnet_from_json(text, &config) == CLEF_OK)
        check_round_trip(&config);
    free(text);
}

static void read_input(const char *path, const uint8_t *bytes, size_t size)
{
    struct clef_model *model;
    if (size > 0 && bytes[0] == '{')
        read_configuration(bytes, size);
    else if (clef_model_load(device, path, &model, NULL) == CLEF_OK)
        clef_model_destroy(model);
}

// The constant is for the list of layers of the largest network that a configuration can name.
static size_t bound(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    return 256 * size + (8 << 20);
}

const struct fuzz_target fuzz_target = {.prepare = open_device, .read = read_input, .bound = bound};
