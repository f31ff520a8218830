// SPDX-License-Identifier: Apache-2.0
// Data sets of pictures. Decoding takes long, so that several threads do it.
#include "core/error.h"
#include "core/worker.h"
#include "data/dataset_internal.h"
#include "data/picture_list.h"
#include "data/resize.h"
#include "data/shuffle.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define CHANNELS 3
#define MOST_THREADS 16
#define MOST_SIDE 32768
#define MOST_TEXT 1024
// Of pictures that are mixed: the same for each run, and another order than that of any epoch.
#define ORDER_SEED 0
#define ORDER_EPOCH UINT32_MAX

struct loading {
    const struct clef_picture_list *list;
    const int32_t *order; // [count]
    int height, width;
    uint8_t *images; // [count][height][width][CHANNELS]
    uint8_t *labels; // [count]

    pthread_mutex_t mutex; // Guards what follows.
    int next;              // The place of the next picture.
    int failed;            // The first place that could not be filled; the count without.
    clef_status status;
    char text[MOST_TEXT];
};

static clef_status load_picture(const struct loading *loading, int place)
{
    int item = loading->order[place];
    struct clef_picture picture;
    CLEF_TRY(clef_picture_read(loading->list->paths[item], &picture));
    size_t bytes = CHANNELS * (size_t)loading->height * (size_t)loading->width;
    clef_status status = clef_resize(&picture, loading->height, loading->width,
                                     loading->images + bytes * (size_t)place);
    clef_picture_free(&picture);
    loading->labels[place] = loading->list->labels[item];
    return status;
}

// The first place that failed is told, whichever thread came first: all places before it have been
// given out when it fails.
static void note_failure(struct loading *loading, int place, clef_status status)
{
    if (place >= loading->failed)
        return;
    loading->failed = place;
    loading->status = status;
    snprintf(loading->text, sizeof loading->text, "%s", clef_last_error());
}

static void *load_pictures(void *argument)
{
    struct loading *loading = argument;
    pthread_mutex_lock(&loading->mutex);
    while (loading->next < loading->failed) {
        int place = loading->next++;
        pthread_mutex_unlock(&loading->mutex);
        clef_status status = load_picture(loading, place);
        pthread_mutex_lock(&loading->mutex);
        if (status != CLEF_OK)
            note_failure(loading, place, status);
    }
    pthread_mutex_unlock(&loading->mutex);
    return NULL;
}

static int available_processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

// A thread that cannot be started is no failure: the others do its work.
static clef_status load_all(struct loading *loading)
{
    pthread_t threads[MOST_THREADS];
    int count = available_processors() - 1, started = 0;
    if (count > MOST_THREADS)
        count = MOST_THREADS;
    while (started < count && clef_worker_start(&threads[started], load_pictures, loading) == 0)
        started++;
    load_pictures(loading);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return loading->status == CLEF_OK ? CLEF_OK : clef_fail(loading->status, "%s", loading->text);
}

static clef_status make_order(int count, bool mixed, int32_t **order)
{
    *order = malloc((size_t)count * sizeof **order);
    if (*order == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory for the order of %d pictures", count);
    for (int i = 0; i < count; i++)
        (*order)[i] = i;
    if (mixed)
        clef_shuffle(ORDER_SEED, ORDER_EPOCH, *order, count);
    return CLEF_OK;
}

static clef_status load_in_order(const struct clef_picture_list *list, const int32_t *order,
                                 const struct clef_dataset_shape *shape,
                                 struct clef_dataset **dataset)
{
    struct loading loading = {
        .list = list,
        .order = order,
        .height = shape->height,
        .width = shape->width,
        .images = calloc((size_t)list->count,
                         (size_t)CHANNELS * (size_t)shape->height * (size_t)shape->width),
        .labels = calloc((size_t)list->count, 1),
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .failed = list->count};
    clef_status status =
        loading.images && loading.labels
            ? load_all(&loading)
            : clef_fail(CLEF_OUT_OF_MEMORY, "out of memory for %d pictures of %d x %d pixels",
                        list->count, shape->height, shape->width);
    if (status == CLEF_OK)
        return clef_dataset_take(loading.images, loading.labels, *shape, dataset);
    free(loading.images);
    free(loading.labels);
    return status;
}

static clef_status load_list(const struct clef_picture_list *list, struct clef_dataset_shape shape,
                             bool mixed, struct clef_dataset **dataset)
{
    int32_t *order;
    CLEF_TRY(make_order(list->count, mixed, &order));
    shape.count = list->count;
    clef_status status = load_in_order(list, order, &shape, dataset);
    free(order);
    return status;
}

clef_status clef_dataset_load_folder(const char *directory, int height, int width, int classes,
                                     bool mixed, struct clef_dataset **dataset)
{
    CLEF_TRY(clef_dataset_check_classes(classes));
    if (height < 1 || width < 1 || height > MOST_SIDE || width > MOST_SIDE)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "pictures cannot become images of %d x %d pixels: 1 to %d each are "
                         "possible",
                         height, width, MOST_SIDE);
    struct clef_dataset_shape shape = {
        .height = height, .width = width, .channels = CHANNELS, .classes = classes};
    struct clef_picture_list list;
    clef_status status = clef_picture_list_make(directory, classes, &list);
    if (status == CLEF_OK)
        status = load_list(&list, shape, mixed, dataset);
    clef_picture_list_free(&list);
    return status;
}
