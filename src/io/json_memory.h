// SPDX-License-Identifier: Apache-2.0
// What jansson (2.14) does not look at: whether there was memory for a character that it reads or a
// key that it writes. It goes on without, and aborts or reads beyond a string's end at the next.
//
// So the functions by which it allocates are replaced, once and for the whole process, by ones that
// do the same and besides remember that memory ran out while this thread watched.
#ifndef CLEF_IO_JSON_MEMORY_H
#define CLEF_IO_JSON_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

// Begins to watch. Of the allocations that fail, the first that is not larger than `reserve` gets
// memory that is set aside now. False if there is none to set aside; then nothing is watched.
bool clef_json_watch(size_t reserve);

// Whether an allocation has failed since, the one that got the reserve included.
bool clef_json_ran_out(void);

// Ends it, and tells the same.
bool clef_json_watch_end(void);

#endif
