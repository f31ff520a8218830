// SPDX-License-Identifier: Apache-2.0
#include "data/batch_loader.h"

#include "core/error.h"
#include "core/worker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS CLEF_BATCH_LOADER_SLOTS

struct clef_batch_loader {
    const struct clef_dataset *dataset;
    struct clef_dataset_shape shape;
    int height, width;      // Of the network's input.
    int pad_top, pad_left;  // Lines and columns of zeros before the image.
    int batch_size;         // At most the number of items.
    size_t image_bytes;     // Of one padded image.
    uint8_t *images[SLOTS]; // [batch_size][height][width][channels]; the padding stays zero.
    int32_t *labels[SLOTS]; // [batch_size]
    int32_t *order;         // [items]

    pthread_t thread;
    pthread_mutex_t mutex; // Guards what follows; the slots change hands by these numbers.
    pthread_cond_t work;   // The worker may have something to do, or must stop.
    pthread_cond_t ready;  // The worker has finished a batch.
    int count;             // Items of the pass.
    int batches;           // Of the pass; batch k lives in slot k % SLOTS.
    int prepared;          // Batches that are finished: released <= taken <= prepared <= batches.
    int taken;             // Batches that the caller has got.
    int released;          // Batches that the caller has given back.
    bool busy;             // The worker is filling batch `prepared`.
    bool stop;
};

static int batch_items(const struct clef_batch_loader *loader, int batch)
{
    int left = loader->count - batch * loader->batch_size;
    return left < loader->batch_size ? left : loader->batch_size;
}

// Copies an image into the middle of its place. The padding around it was zeroed when the slot was
// made, and nothing else ever writes there.
static void place_image(const struct clef_batch_loader *loader, int item, uint8_t *dst)
{
    size_t channels = (size_t)loader->shape.channels;
    size_t src_line = (size_t)loader->shape.width * channels;
    size_t dst_line = (size_t)loader->width * channels;
    const uint8_t *src = clef_dataset_image(loader->dataset, item);
    dst += (size_t)loader->pad_top * dst_line + (size_t)loader->pad_left * channels;
    for (int y = 0; y < loader->shape.height; y++)
        memcpy(dst + (size_t)y * dst_line, src + (size_t)y * src_line, src_line);
}

static void fill_batch(const struct clef_batch_loader *loader, int batch, int items)
{
    int slot = batch % SLOTS;
    const int32_t *order = loader->order + (size_t)batch * (size_t)loader->batch_size;
    for (int i = 0; i < items; i++) {
        place_image(loader, order[i], loader->images[slot] + (size_t)i * loader->image_bytes);
        loader->labels[slot][i] = clef_dataset_label(loader->dataset, order[i]);
    }
}

static bool slot_is_free(const struct clef_batch_loader *loader)
{
    return loader->prepared < loader->batches && loader->prepared - loader->released < SLOTS;
}

static void *prepare_batches(void *argument)
{
    struct clef_batch_loader *loader = argument;
    pthread_mutex_lock(&loader->mutex);
    while (!loader->stop) {
        if (!slot_is_free(loader)) {
            pthread_cond_wait(&loader->work, &loader->mutex);
            continue;
        }
        int batch = loader->prepared, items = batch_items(loader, batch);
        loader->busy = true;
        pthread_mutex_unlock(&loader->mutex);
        fill_batch(loader, batch, items);
        pthread_mutex_lock(&loader->mutex);
        loader->busy = false;
        loader->prepared++;
        pthread_cond_signal(&loader->ready);
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

// ---------------------------------------------------------------- life

static clef_status check_arguments(struct clef_dataset_shape shape, int height, int width,
                                   int channels, int batch_size)
{
    if (batch_size < 1)
        return clef_fail(CLEF_INVALID_ARGUMENT, "the batch size must be at least 1, not %d",
                         batch_size);
    if (shape.channels != channels)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the images have %d channel%s but the network's input has %d: use a data "
                         "set or a network that fits the other",
                         shape.channels, shape.channels == 1 ? "" : "s", channels);
    if (shape.height > height || shape.width > width)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the images of %d x %d pixels are larger than the network's input of %d "
                         "x %d: only smaller ones can be padded",
                         shape.height, shape.width, height, width);
    return CLEF_OK;
}

static void free_memory(struct clef_batch_loader *loader)
{
    for (int i = 0; i < SLOTS; i++) {
        free(loader->images[i]);
        free(loader->labels[i]);
    }
    free(loader->order);
    free(loader);
}

static bool allocate_memory(struct clef_batch_loader *loader)
{
    size_t lines = (size_t)loader->height * (size_t)loader->width;
    if (lines > SIZE_MAX / (size_t)loader->shape.channels)
        return false;
    loader->image_bytes = lines * (size_t)loader->shape.channels;
    loader->order = calloc((size_t)loader->shape.count, sizeof *loader->order);
    bool complete = loader->order != NULL;
    for (int i = 0; i < SLOTS; i++) {
        loader->images[i] = calloc((size_t)loader->batch_size, loader->image_bytes);
        loader->labels[i] = calloc((size_t)loader->batch_size, sizeof *loader->labels[i]);
        complete = complete && loader->images[i] != NULL && loader->labels[i] != NULL;
    }
    return complete;
}

clef_status clef_batch_loader_create(const struct clef_dataset *dataset, int height, int width,
                                     int channels, int batch_size, struct clef_batch_loader **out)
{
    struct clef_dataset_shape shape = clef_dataset_get_shape(dataset);
    CLEF_TRY(check_arguments(shape, height, width, channels, batch_size));
    struct clef_batch_loader *loader = calloc(1, sizeof *loader);
    if (loader == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory for a batch loader");
    loader->dataset = dataset;
    loader->shape = shape;
    loader->height = height;
    loader->width = width;
    loader->pad_top = (height - shape.height) / 2;
    loader->pad_left = (width - shape.width) / 2;
    loader->batch_size = batch_size < shape.count ? batch_size : shape.count;
    if (!allocate_memory(loader)) {
        free_memory(loader);
        return clef_fail(CLEF_OUT_OF_MEMORY,
                         "out of memory for %d batches of %d images of %d x %d pixels: use smaller "
                         "batches",
                         SLOTS, batch_size, height, width);
    }
    pthread_mutex_init(&loader->mutex, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->ready, NULL);
    int error = clef_worker_start(&loader->thread, prepare_batches, loader);
    if (error != 0) {
        pthread_cond_destroy(&loader->ready);
        pthread_cond_destroy(&loader->work);
        pthread_mutex_destroy(&loader->mutex);
        free_memory(loader);
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot start the thread that prepares batches: %s",
                         strerror(error));
    }
    *out = loader;
    return CLEF_OK;
}

void clef_batch_loader_destroy(struct clef_batch_loader *loader)
{
    if (loader == NULL)
        return;
    pthread_mutex_lock(&loader->mutex);
    loader->stop = true;
    pthread_cond_signal(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    pthread_join(loader->thread, NULL);
    pthread_cond_destroy(&loader->ready);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->mutex);
    free_memory(loader);
}

// ---------------------------------------------------------------- a pass

static clef_status check_order(const struct clef_batch_loader *loader, const int32_t *order,
                               int count)
{
    int items = loader->shape.count;
    if (count < 1 || count > items)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "a pass over %d items is not possible: the data set has %d, and at least "
                         "1 must be taken",
                         count, items);
    for (int i = 0; order != NULL && i < count; i++)
        if (order[i] < 0 || order[i] >= items)
            return clef_fail(CLEF_INVALID_ARGUMENT,
                             "the order names item %ld at index %d, but the data set has items 0 "
                             "to %d",
                             (long)order[i], i, items - 1);
    return CLEF_OK;
}

clef_status clef_batch_loader_begin(struct clef_batch_loader *loader, const int32_t *order,
                                    int count)
{
    CLEF_TRY(check_order(loader, order, count));
    pthread_mutex_lock(&loader->mutex);
    // The worker begins no batch while there are none; one that it is filling must be finished
    // before the order may change.
    loader->batches = 0;
    while (loader->busy)
        pthread_cond_wait(&loader->ready, &loader->mutex);
    for (int i = 0; i < count; i++)
        loader->order[i] = order != NULL ? order[i] : i;
    loader->count = count;
    loader->prepared = loader->taken = loader->released = 0;
    loader->batches = (count - 1) / loader->batch_size + 1;
    pthread_cond_signal(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    return CLEF_OK;
}

clef_status clef_batch_loader_next(struct clef_batch_loader *loader, struct clef_batch *batch)
{
    *batch = (struct clef_batch){0};
    pthread_mutex_lock(&loader->mutex);
    bool end = loader->taken == loader->batches;
    bool full = loader->taken - loader->released == SLOTS;
    if (!end && !full) {
        while (loader->prepared == loader->taken)
            pthread_cond_wait(&loader->ready, &loader->mutex);
        int slot = loader->taken % SLOTS;
        batch->images = loader->images[slot];
        batch->labels = loader->labels[slot];
        batch->count = batch_items(loader, loader->taken);
        loader->taken++;
    }
    pthread_mutex_unlock(&loader->mutex);
    if (!end && full)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "all %d batches of the loader are held: release one before the next",
                         SLOTS);
    return CLEF_OK;
}

clef_status clef_batch_loader_release(struct clef_batch_loader *loader)
{
    pthread_mutex_lock(&loader->mutex);
    bool held = loader->released < loader->taken;
    if (held) {
        loader->released++;
        pthread_cond_signal(&loader->work);
    }
    pthread_mutex_unlock(&loader->mutex);
    return held ? CLEF_OK
                : clef_fail(CLEF_INVALID_ARGUMENT, "no batch of the loader is held: nothing to "
                                                   "release");
}
