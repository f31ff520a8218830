// SPDX-License-Identifier: Apache-2.0
#include "cli/bench.h"
#include "cli/cli_support.h"

#include <stdlib.h>

// Knuth's linear congruential generator MMIX, of which the upper half is used: the pixels need to
// be neither constant nor random in any strict sense.
static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

static clef_status make_batches(struct bench *bench, int classes)
{
    size_t count = (size_t)BENCH_BATCHES * (size_t)bench->batch_size;
    if (bench->image_bytes > SIZE_MAX / count)
        return CLEF_OUT_OF_MEMORY;
    bench->images = malloc(count * bench->image_bytes);
    bench->labels = malloc(count * sizeof *bench->labels);
    if (!bench->images || !bench->labels)
        return CLEF_OUT_OF_MEMORY;
    uint64_t state = 1;
    for (size_t k = 0; k < count * bench->image_bytes; ++k)
        bench->images[k] = (uint8_t)(next_random(&state) >> 24);
    for (size_t k = 0; k < count; ++k)
        bench->labels[k] = (int32_t)(next_random(&state) % (uint32_t)classes);
    return CLEF_OK;
}

clef_status bench_open(const struct bench_options *options, const struct clef_resnet_config *config,
                       struct clef_device *device, struct bench *bench)
{
    *bench = (struct bench){.device = device, .batch_size = options->batch_size};
    BENCH_TRY(clef_model_create_resnet(device, config, 1, &bench->model));
    bench->image_bytes =
        (size_t)config->input_height * (size_t)config->input_width * (size_t)config->input_channels;
    return make_batches(bench, config->classes);
}

void bench_close(struct bench *bench)
{
    clef_model_destroy(bench->model);
    free(bench->images);
    free(bench->labels);
    *bench = (struct bench){0};
}
