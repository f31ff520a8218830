// SPDX-License-Identifier: Apache-2.0
#include "io/json_memory.h"

#include <jansson.h>
#include <pthread.h>

static json_malloc_t allocate; // Those that were there before.
static json_free_t release;

static _Thread_local struct {
    bool on, ran_out;
    void *reserve;
    size_t reserve_size;
} watch;

// The reserve is a block of its own, and becomes jansson's like any other.
static void *allocate_watched(size_t size)
{
    void *memory = allocate(size);
    if (memory != NULL || !watch.on)
        return memory;
    watch.ran_out = true;
    if (size <= watch.reserve_size) {
        memory = watch.reserve;
        watch.reserve = NULL;
        watch.reserve_size = 0;
    }
    return memory;
}

static void replace_functions(void)
{
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(allocate_watched, release);
}

bool clef_json_watch(size_t reserve)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, replace_functions);
    watch.reserve = reserve > 0 ? allocate(reserve) : NULL;
    watch.reserve_size = watch.reserve != NULL ? reserve : 0;
    watch.on = reserve == watch.reserve_size;
    watch.ran_out = false;
    return watch.on;
}

bool clef_json_ran_out(void)
{
    return watch.ran_out;
}

bool clef_json_watch_end(void)
{
    if (watch.reserve != NULL)
        release(watch.reserve);
    watch.reserve = NULL;
    watch.reserve_size = 0;
    watch.on = false;
    return watch.ran_out;
}
