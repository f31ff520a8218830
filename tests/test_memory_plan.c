// SPDX-License-Identifier: Apache-2.0
// The memory plan against the definition of a valid one: no two items overlap in both time and
// place.
#include "model/memory_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define MOST_ITEMS 200

static uint32_t state;

static uint32_t random_below(uint32_t bound)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % bound;
}

// The most floats alive at any step: no plan can be smaller.
static size_t peak_of(const struct clef_memory_item *items, int count, int steps)
{
    size_t peak = 0;
    for (int step = 0; step < steps; step++) {
        size_t alive = 0;
        for (int i = 0; i < count; i++)
            if (items[i].first_step <= step && step <= items[i].last_step)
                alive += clef_align_floats(items[i].floats);
        if (alive > peak)
            peak = alive;
    }
    return peak;
}

static void check_plan(const struct clef_memory_item *items, int count, size_t total)
{
    for (int i = 0; i < count; i++) {
        const struct clef_memory_item *a = &items[i];
        assert_int_equal(a->offset % CLEF_ARENA_ALIGNMENT, 0);
        assert_true(a->offset + a->floats <= total);
        for (int k = 0; k < i; k++) {
            const struct clef_memory_item *b = &items[k];
            bool same_time = a->first_step <= b->last_step && b->first_step <= a->last_step;
            bool same_place =
                a->offset < b->offset + b->floats && b->offset < a->offset + a->floats;
            if (same_time && same_place)
                fail_msg("items %d and %d overlap", i, k);
        }
    }
}

static void test_random_items(void **unused)
{
    (void)unused;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        state = seed;
        struct clef_memory_item items[MOST_ITEMS], again[MOST_ITEMS];
        int count = 1 + (int)random_below(MOST_ITEMS), steps = 1 + (int)random_below(60);
        for (int i = 0; i < count; i++) {
            int first = (int)random_below((uint32_t)steps);
            int last = first + (int)random_below((uint32_t)(steps - first));
            items[i] = (struct clef_memory_item){
                .floats = 1 + random_below(5000), .first_step = first, .last_step = last};
        }
        memcpy(again, items, sizeof items);
        size_t total, total_again;
        assert_int_equal(clef_memory_plan_items(items, count, &total), CLEF_OK);
        check_plan(items, count, total);
        assert_true(total >= peak_of(items, count, steps));
        assert_int_equal(clef_memory_plan_items(again, count, &total_again), CLEF_OK);
        assert_int_equal(total, total_again);
        for (int i = 0; i < count; i++)
            assert_int_equal(items[i].offset, again[i].offset);
    }
}

// Items that follow each other share one place.
static void test_sequence_shares(void **unused)
{
    (void)unused;
    struct clef_memory_item items[10];
    for (int i = 0; i < 10; i++)
        items[i] = (struct clef_memory_item){.floats = 100, .first_step = i, .last_step = i};
    size_t total;
    assert_int_equal(clef_memory_plan_items(items, 10, &total), CLEF_OK);
    assert_int_equal(total, clef_align_floats(100));
}

// A chain, in which only neighbours are alive together, needs its two largest neighbours.
static void test_chain_is_tight(void **unused)
{
    (void)unused;
    const size_t sizes[] = {64, 256, 128, 128, 32, 512, 16};
    struct clef_memory_item items[7];
    for (int i = 0; i < 7; i++)
        items[i] =
            (struct clef_memory_item){.floats = sizes[i], .first_step = i, .last_step = i + 1};
    size_t total;
    assert_int_equal(clef_memory_plan_items(items, 7, &total), CLEF_OK);
    check_plan(items, 7, total);
    assert_int_equal(total, 544);
}

static void test_nothing(void **unused)
{
    (void)unused;
    size_t total = 7;
    assert_int_equal(clef_memory_plan_items(NULL, 0, &total), CLEF_OK);
    assert_int_equal(total, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_items),
        cmocka_unit_test(test_sequence_shares),
        cmocka_unit_test(test_chain_is_tight),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
