// SPDX-License-Identifier: Apache-2.0
// What the ResNet-18 of torchvision computes from given weights, for a comparison with PyTorch: the
// logits of a batch, and the gradients and moving statistics of one training step on it.
//
// usage: imagenet_step DEVICE WEIGHTS IMAGES LABELS LOGITS STEP
//
// WEIGHTS is a state dict in safetensors, IMAGES uint8 [N][224][224][3], LABELS int32 [N]. LOGITS
// becomes float32 [N][1000], STEP a state dict that has gradients in place of parameters. Exits
// with 77 if there is no such device.
#include "clef/clef.h"

#include <stdio.h>
#include <stdlib.h>

#define NOT_THERE 77

static void fail(const char *what)
{
    fprintf(stderr, "imagenet_step: %s: %s\n", what, clef_last_error());
    exit(EXIT_FAILURE);
}

#define OK(call)             \
    do {                     \
        if (call != CLEF_OK) \
            fail(#call);     \
    } while (0)

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (!memory)
        fail("malloc");
    return memory;
}

// Reads a whole file.
static void *read_file(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        fail(path);
    *bytes = (size_t)ftell(file);
    void *content = allocate(*bytes);
    rewind(file);
    if (fread(content, 1, *bytes, file) != *bytes)
        fail(path);
    fclose(file);
    return content;
}

static void write_file(const char *path, const void *content, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(content, 1, bytes, file) != bytes || fclose(file) != 0)
        fail(path);
}

static void write_logits(struct clef_model *model, const struct clef_batch *batch, const char *path)
{
    size_t bytes = (size_t)batch->count * (size_t)clef_model_get_config(model)->classes * 4;
    float *logits = allocate(bytes);
    OK(clef_model_predict(model, batch, logits));
    write_file(path, logits, bytes);
    free(logits);
}

static void write_step(struct clef_model *model, const struct clef_batch *batch, const char *path)
{
    struct clef_metrics metrics;
    int ticket;
    OK(clef_model_train_step(model, batch, 1e-3f, &ticket));
    OK(clef_model_wait(model, ticket, &metrics));
    for (int i = 0; i < clef_model_parameter_count(model); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(model, i);
        if (!parameter.trainable)
            continue;
        float *gradient = allocate(parameter.count * sizeof *gradient);
        OK(clef_model_read_gradient(model, i, gradient));
        OK(clef_model_write_parameter(model, i, gradient));
        free(gradient);
    }
    OK(clef_weights_save(model, CLEF_LAYOUT_PYTORCH, path));
}

int main(int argc, char **argv)
{
    struct clef_device *device;
    struct clef_model *model;
    struct clef_weights_found found;
    struct clef_resnet_config config = clef_resnet_imagenet();
    size_t image_bytes, label_bytes;
    if (argc != 7)
        return EXIT_FAILURE;
    if (clef_device_open(argv[1], NULL, &device) == CLEF_NOT_FOUND) {
        printf("SKIP: %s\n", clef_last_error());
        return NOT_THERE;
    }
    uint8_t *images = read_file(argv[3], &image_bytes);
    int32_t *labels = read_file(argv[4], &label_bytes);
    struct clef_batch batch = {
        .images = images, .labels = labels, .count = (int)(label_bytes / sizeof *labels)};
    OK(clef_model_create_resnet(device, &config, 0, &model));
    OK(clef_model_keep_gradients(model));
    OK(clef_weights_load(model, argv[2], &found));
    write_logits(model, &batch, argv[5]);
    write_step(model, &batch, argv[6]);
    clef_model_destroy(model);
    clef_device_close(device);
    free(images);
    free(labels);
    return EXIT_SUCCESS;
}
