// SPDX-License-Identifier: Apache-2.0
// Prepares batches on a second thread while the caller computes.
//
//     clef_batch_loader_create(dataset, height, width, channels, batch_size, &loader)
//     for each epoch:
//         clef_batch_loader_begin(loader, order, count)
//         until batch.count is 0: clef_batch_loader_next(loader, &batch)
//                                 ... clef_batch_loader_release(loader) once it is no longer read
//     clef_batch_loader_destroy(loader)
//
// All calls come from one thread.
#ifndef CLEF_DATA_BATCH_LOADER_H
#define CLEF_DATA_BATCH_LOADER_H

#include "clef/dataset.h"
#include "clef/model.h"

#include <stdint.h>

// How many batches exist at a time: those that the caller holds and those prepared ahead.
#define CLEF_BATCH_LOADER_SLOTS 4

struct clef_batch_loader;

// Starts the thread. Images smaller than height x width are padded centrally with zeros; an odd
// row or column of padding goes to the bottom or the right. Larger images, or another number of
// channels, are CLEF_INVALID_ARGUMENT. The data set must outlive the loader.
clef_status clef_batch_loader_create(const struct clef_dataset *dataset, int height, int width,
                                     int channels, int batch_size,
                                     struct clef_batch_loader **loader);

// Begins a pass over items order[0] .. order[count-1], or 0 .. count-1 if `order` is NULL. The
// order is copied. `count` is 1 .. the number of items; the last batch holds what remains.
// Batches of an earlier pass are dropped, also those that the caller holds.
clef_status clef_batch_loader_begin(struct clef_batch_loader *loader, const int32_t *order,
                                    int count);

// Takes the next batch and waits for it if need be. At the end of the pass batch->count is 0.
// Its memory stays unchanged until it is released; several batches may be held, but asking for one
// while all slots are held is CLEF_INVALID_ARGUMENT, since it would wait for ever.
clef_status clef_batch_loader_next(struct clef_batch_loader *loader, struct clef_batch *batch);

// Gives back the oldest batch that is held.
clef_status clef_batch_loader_release(struct clef_batch_loader *loader);

// Joins the thread, at any moment of a pass. NULL is accepted.
void clef_batch_loader_destroy(struct clef_batch_loader *loader);

#endif
