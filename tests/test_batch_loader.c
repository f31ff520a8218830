// SPDX-License-Identifier: Apache-2.0
#include "data/batch_loader.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define CLASSES 10

// A pixel that tells item and place apart, and is never 0, so that padding is told apart too.
static uint8_t pixel(int item, int place)
{
    return (uint8_t)(1 + (item * 37 + place * 11) % 255);
}

static struct clef_dataset *make_dataset(int count, int height, int width, int channels)
{
    int size = height * width * channels;
    uint8_t *images = malloc((size_t)(count * size)), *labels = malloc((size_t)count);
    assert_non_null(images);
    assert_non_null(labels);
    for (int i = 0; i < count; i++) {
        labels[i] = (uint8_t)(i % CLASSES);
        for (int p = 0; p < size; p++)
            images[i * size + p] = pixel(i, p);
    }
    struct clef_dataset *dataset;
    check_ok(clef_dataset_from_memory(images, labels, count, height, width, channels, CLASSES,
                                      &dataset));
    free(images);
    free(labels);
    return dataset;
}

// Checks one padded image, naive and pixel by pixel.
static void check_image(const uint8_t *image, int item, const struct clef_dataset *dataset,
                        int height, int width)
{
    struct clef_dataset_shape s = clef_dataset_get_shape(dataset);
    int top = (height - s.height) / 2, left = (width - s.width) / 2;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < s.channels; c++) {
                int sy = y - top, sx = x - left;
                bool inside = sy >= 0 && sy < s.height && sx >= 0 && sx < s.width;
                int expected = inside ? pixel(item, (sy * s.width + sx) * s.channels + c) : 0;
                assert_int_equal(expected, image[(y * width + x) * s.channels + c]);
            }
}

static void check_batch(const struct clef_batch *batch, const int32_t *order, int first,
                        const struct clef_dataset *dataset, int height, int width)
{
    int channels = clef_dataset_get_shape(dataset).channels;
    for (int i = 0; i < batch->count; i++) {
        int item = order != NULL ? order[first + i] : first + i;
        assert_int_equal(item % CLASSES, batch->labels[i]);
        check_image(batch->images + i * height * width * channels, item, dataset, height, width);
    }
}

// Takes a whole pass, releasing each batch at once, and checks every pixel and count.
static void check_pass(struct clef_batch_loader *loader, const int32_t *order, int count,
                       const struct clef_dataset *dataset, int height, int width, int batch_size)
{
    check_ok(clef_batch_loader_begin(loader, order, count));
    struct clef_batch batch;
    for (int first = 0; first < count; first += batch_size) {
        check_ok(clef_batch_loader_next(loader, &batch));
        int expected = count - first < batch_size ? count - first : batch_size;
        assert_int_equal(expected, batch.count);
        check_batch(&batch, order, first, dataset, height, width);
        check_ok(clef_batch_loader_release(loader));
    }
    for (int again = 0; again < 2; again++) {
        check_ok(clef_batch_loader_next(loader, &batch));
        assert_int_equal(0, batch.count);
    }
}

static void test_passes(void **state)
{
    (void)state;
    static const struct {
        int count, height, width, channels, to_height, to_width, batch_size;
    } cases[] = {
        {23, 28, 28, 1, 32, 32, 5}, // MNIST's padding of 2; a partial last batch.
        {20, 3, 4, 3, 6, 5, 4},     // Odd differences: the extra goes to the bottom and the right.
        {7, 2, 2, 1, 2, 2, 1},      // No padding; more batches than slots.
        {6, 1, 1, 2, 4, 1, 100},    // One batch, larger than the data set.
        {64, 5, 3, 1, 5, 8, 16},    // As many batches as slots, all full.
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int count = cases[i].count, height = cases[i].to_height, width = cases[i].to_width;
        struct clef_dataset *dataset =
            make_dataset(count, cases[i].height, cases[i].width, cases[i].channels);
        struct clef_batch_loader *loader;
        check_ok(clef_batch_loader_create(dataset, height, width, cases[i].channels,
                                          cases[i].batch_size, &loader));
        int32_t *order = malloc(sizeof *order * (size_t)count);
        assert_non_null(order);
        for (int k = 0; k < count; k++)
            order[k] = (k * 5 + 3) % count; // Repeats items where 5 divides the count: allowed.
        check_pass(loader, NULL, count, dataset, height, width, cases[i].batch_size);
        check_pass(loader, order, count, dataset, height, width, cases[i].batch_size);
        check_pass(loader, order, count / 2, dataset, height, width, cases[i].batch_size);
        free(order);
        clef_batch_loader_destroy(loader);
        clef_dataset_destroy(dataset);
    }
}

static void pause_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

// The device reads batches after they were handed out: with all slots held and time for the worker
// to go wrong, each must still be what it was.
static void test_held_batches_stay(void **state)
{
    (void)state;
    enum { COUNT = 40, SIZE = 4, BATCH = 3, SLOTS = CLEF_BATCH_LOADER_SLOTS };
    struct clef_dataset *dataset = make_dataset(COUNT, SIZE, SIZE, 1);
    struct clef_batch_loader *loader;
    check_ok(clef_batch_loader_create(dataset, SIZE, SIZE, 1, BATCH, &loader));
    check_ok(clef_batch_loader_begin(loader, NULL, COUNT));
    struct clef_batch held[SLOTS], extra;
    for (int i = 0; i < SLOTS; i++)
        check_ok(clef_batch_loader_next(loader, &held[i]));
    check_failure(clef_batch_loader_next(loader, &extra), CLEF_INVALID_ARGUMENT,
                  "all 4 batches of the loader are held", "release one");
    for (int next = SLOTS; next * BATCH < COUNT; next++) {
        pause_briefly();
        for (int k = next - SLOTS; k < next; k++)
            check_batch(&held[k % SLOTS], NULL, k * BATCH, dataset, SIZE, SIZE);
        check_ok(clef_batch_loader_release(loader)); // The oldest.
        check_ok(clef_batch_loader_next(loader, &held[next % SLOTS]));
    }
    for (int i = 0; i < SLOTS; i++)
        check_ok(clef_batch_loader_release(loader));
    check_failure(clef_batch_loader_release(loader), CLEF_INVALID_ARGUMENT, "no batch", "held");
    clef_batch_loader_destroy(loader);
    clef_dataset_destroy(dataset);
}

// A new pass may begin at any moment of the old one, and the loader may be destroyed at any.
static void test_interrupted_passes(void **state)
{
    (void)state;
    enum { COUNT = 30, SIZE = 8, BATCH = 2 };
    struct clef_dataset *dataset = make_dataset(COUNT, SIZE, SIZE, 1);
    int32_t backwards[COUNT];
    for (int i = 0; i < COUNT; i++)
        backwards[i] = COUNT - 1 - i;
    for (int taken = 0; taken <= CLEF_BATCH_LOADER_SLOTS; taken++) {
        struct clef_batch_loader *loader;
        struct clef_batch batch;
        check_ok(clef_batch_loader_create(dataset, SIZE, SIZE, 1, BATCH, &loader));
        for (int pass = 0; pass < 20; pass++) {
            const int32_t *order = pass % 2 ? backwards : NULL;
            check_ok(clef_batch_loader_begin(loader, order, COUNT));
            for (int k = 0; k < taken; k++) {
                check_ok(clef_batch_loader_next(loader, &batch));
                check_batch(&batch, order, k * BATCH, dataset, SIZE, SIZE);
            }
        }
        clef_batch_loader_destroy(loader); // In the middle of the last pass.
        check_ok(clef_batch_loader_create(dataset, SIZE, SIZE, 1, BATCH, &loader));
        clef_batch_loader_destroy(loader); // Before any pass.
    }
    clef_batch_loader_destroy(NULL);
    clef_dataset_destroy(dataset);
}

// The order belongs to the caller again as soon as the pass has begun.
static void test_order_is_copied(void **state)
{
    (void)state;
    enum { COUNT = 50, SIZE = 2 };
    struct clef_dataset *dataset = make_dataset(COUNT, SIZE, SIZE, 1);
    struct clef_batch_loader *loader;
    check_ok(clef_batch_loader_create(dataset, SIZE, SIZE, 1, 1, &loader));
    int32_t order[COUNT], used[COUNT];
    for (int i = 0; i < COUNT; i++)
        order[i] = used[i] = COUNT - 1 - i;
    check_ok(clef_batch_loader_begin(loader, used, COUNT));
    memset(used, 0, sizeof used);
    for (int i = 0; i < COUNT; i++) {
        struct clef_batch batch;
        check_ok(clef_batch_loader_next(loader, &batch));
        check_batch(&batch, order, i, dataset, SIZE, SIZE);
        check_ok(clef_batch_loader_release(loader));
    }
    clef_batch_loader_destroy(loader);
    clef_dataset_destroy(dataset);
}

static void test_refuses(void **state)
{
    (void)state;
    struct clef_dataset *dataset = make_dataset(5, 4, 6, 1);
    struct clef_batch_loader *loader = NULL;
    const clef_status bad = CLEF_INVALID_ARGUMENT;
    check_failure(clef_batch_loader_create(dataset, 4, 6, 3, 2, &loader), bad, "1 channel ",
                  "network's input has 3");
    check_failure(clef_batch_loader_create(dataset, 3, 6, 1, 2, &loader), bad, "4 x 6 pixels",
                  "larger than the network's input of 3 x 6");
    check_failure(clef_batch_loader_create(dataset, 4, 5, 1, 2, &loader), bad, "4 x 6 pixels",
                  "larger than the network's input of 4 x 5");
    check_failure(clef_batch_loader_create(dataset, 4, 6, 1, 0, &loader), bad, "batch size",
                  "not 0");
    assert_null(loader);
    check_ok(clef_batch_loader_create(dataset, 4, 6, 1, 2, &loader));
    struct clef_batch batch;
    check_ok(clef_batch_loader_next(loader, &batch)); // No pass has begun: it is at its end.
    assert_int_equal(0, batch.count);
    check_failure(clef_batch_loader_begin(loader, NULL, 6), bad, "6 items", "the data set has 5");
    check_failure(clef_batch_loader_begin(loader, NULL, 0), bad, "0 items", "at least 1");
    check_failure(clef_batch_loader_begin(loader, (int32_t[]){0, 5}, 2), bad, "item 5 at index 1",
                  "0 to 4");
    check_failure(clef_batch_loader_begin(loader, (int32_t[]){-1}, 1), bad, "item -1 at index 0",
                  "0 to 4");
    clef_batch_loader_destroy(loader);
    clef_dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_held_batches_stay),
        cmocka_unit_test(test_interrupted_passes),
        cmocka_unit_test(test_order_is_copied),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
