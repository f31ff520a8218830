// SPDX-License-Identifier: Apache-2.0
// Weights in the layouts of Clef, PyTorch and Keras, for a small network.
#include "fuzz.h"

#include "clef/clef.h"
#include "io/hdf5.h"

static struct clef_model *model;

static void create_model(void)
{
    struct clef_device_options options = {.threads = 1};
    struct clef_resnet_config config = {.input_height = 4,
                                        .input_width = 4,
                                        .input_channels = 1,
                                        .classes = 2,
                                        .stages = 1,
                                        .blocks = {1},
                                        .filters = {1},
                                        .head = CLEF_HEAD_AVGPOOL,
                                        .conv_bias = true,
                                        .batchnorm = {.momentum = 0.99, .epsilon = 1e-3}};
    struct clef_device *device;
    if (clef_device_open("cpu", &options, &device) != CLEF_OK ||
        clef_model_create_resnet(device, &config, 0, &model) != CLEF_OK)
        fuzz_fail("%s", clef_last_error());
}

static void read_input(const char *path, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    struct clef_weights_found found;
    if (!clef_hdf5_is(path)) // That is another target.
        (void)clef_weights_load(model, path, &found);
}

// The constant is for the names of the network's own parameters.
static size_t bound(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    return 100 * size + (64 << 10);
}

const struct fuzz_target fuzz_target = {
    .prepare = create_model, .read = read_input, .bound = bound};
