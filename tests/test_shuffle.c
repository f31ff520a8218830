// SPDX-License-Identifier: Apache-2.0
#include "data/shuffle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_is_a_permutation(void **state)
{
    (void)state;
    static const int counts[] = {0, 1, 2, 3, 64, 1000, 60000};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        int count = counts[c];
        int32_t *order = malloc(sizeof *order * (size_t)(count + 1));
        unsigned char *seen = calloc((size_t)(count + 1), 1);
        assert_non_null(order);
        assert_non_null(seen);
        order[count] = -77; // Behind the end: must stay.
        clef_shuffle(1, 2, order, count);
        assert_int_equal(-77, order[count]);
        for (int i = 0; i < count; i++) {
            assert_in_range(order[i], 0, count - 1);
            assert_int_equal(0, seen[order[i]]++);
        }
        free(order);
        free(seen);
    }
}

static void test_depends_on_seed_and_epoch_alone(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    int32_t first[COUNT], again[COUNT], other[COUNT];
    clef_shuffle(7, 3, first, COUNT);
    clef_shuffle(8, 3, other, COUNT);
    assert_memory_not_equal(first, other, sizeof first);
    clef_shuffle(7, 4, other, COUNT);
    assert_memory_not_equal(first, other, sizeof first);
    clef_shuffle(7 + (UINT64_C(1) << 32), 3, other, COUNT); // The seed's upper half counts too.
    assert_memory_not_equal(first, other, sizeof first);
    clef_shuffle(7, 3, again, COUNT);
    assert_memory_equal(first, again, sizeof first);
}

// These orders were computed by another implementation, in Python: they must never change, or runs
// with an old seed could not be repeated.
static void test_known_orders(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed;
        uint32_t epoch;
        int32_t order[12];
    } known[] = {
        {0, 0, {3, 10, 5, 4, 0, 1, 7, 9, 6, 11, 2, 8}},
        {0, 1, {4, 10, 0, 11, 9, 2, 5, 1, 3, 8, 7, 6}},
        {1, 0, {1, 9, 8, 3, 4, 0, 11, 7, 10, 2, 6, 5}},
        {UINT64_C(0x123456789abcdef0), 4, {2, 6, 10, 9, 1, 7, 11, 0, 8, 3, 4, 5}},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        int32_t order[12];
        clef_shuffle(known[k].seed, known[k].epoch, order, 12);
        for (int i = 0; i < 12; i++)
            assert_int_equal(known[k].order[i], order[i]);
    }
}

// Over 24,000 epochs each of the 24 orders of 4 items is expected 1,000 times, with a standard
// deviation of 31; the seed is fixed, so that the outcome is too.
static void test_orders_are_equally_frequent(void **state)
{
    (void)state;
    int frequency[256] = {0};
    for (uint32_t epoch = 0; epoch < 24000; epoch++) {
        int32_t order[4];
        clef_shuffle(42, epoch, order, 4);
        frequency[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]]++;
    }
    int orders = 0;
    for (int i = 0; i < 256; i++) {
        if (frequency[i] == 0)
            continue;
        orders++;
        assert_in_range(frequency[i], 1000 - 4 * 31, 1000 + 4 * 31);
    }
    assert_int_equal(24, orders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_a_permutation),
        cmocka_unit_test(test_depends_on_seed_and_epoch_alone),
        cmocka_unit_test(test_known_orders),
        cmocka_unit_test(test_orders_are_equally_frequent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
