// SPDX-License-Identifier: Apache-2.0
// One pass over a data set: every batch in turn, with the next step enqueued before the last one's
// metrics are waited for, so that the device never idles.
#ifndef CLEF_TRAIN_PASS_H
#define CLEF_TRAIN_PASS_H

#include "clef/trainer.h"
#include "data/batch_loader.h"

#include <stdbool.h>
#include <stdint.h>

// Sums over images, which makes every mean weighted by the sizes of the batches.
struct train_totals {
    double loss;
    int64_t correct, images;
    int steps; // Whose metrics are known.
};

double train_mean_loss(const struct train_totals *totals);
double train_mean_accuracy(const struct train_totals *totals);

enum train_pass_kind {
    TRAIN_PASS_EVALUATION,
    TRAIN_PASS_TRAINING,
    TRAIN_PASS_STATISTICS // Moving statistics follow, weights stay.
};

struct train_pass {
    struct clef_model *model;
    struct clef_batch_loader *loader;
    enum train_pass_kind kind;
    float learning_rate; // Of a training pass.
    // Of these only `should_stop` is asked, before each step. May be NULL.
    const struct clef_train_callbacks *callbacks;
    // Told after each step whose metrics are known; false ends the pass with CLEF_INTERRUPTED.
    // May be NULL.
    bool (*on_step)(void *user, const struct train_totals *totals);
    // Whether to pause after a step, by its number; and what to do then, with no step under way. A
    // failure ends the pass. Both may be NULL.
    bool (*pauses_after)(void *user, int step);
    clef_status (*on_pause)(void *user, const struct train_totals *totals);
    void *user;
};

// Checks that a data set fits the model and plans for its batches, the partial last one included,
// so that no step allocates.
clef_status train_prepare(struct clef_model *model, const struct clef_dataset *dataset,
                          int batch_size, bool training);

// A loader of a data set's batches, as the model takes them.
clef_status train_create_loader(struct clef_model *model, const struct clef_dataset *dataset,
                                int batch_size, struct clef_batch_loader **loader);

// Fills order[0 .. count-1] with the order in which an epoch, counted from 1, takes the images.
void train_make_order(const struct clef_train_config *config, int epoch, int32_t *order, int count);

// Whether the caller asks to stop. `callbacks` may be NULL.
bool train_should_stop(const struct clef_train_callbacks *callbacks);

// Runs over items order[0] .. order[count-1], or 0 .. count-1 if `order` is NULL. `totals` are
// those of the steps before, which are added to. When it returns, whatever the status, no step is
// under way, and after CLEF_INTERRUPTED all steps are in the totals.
clef_status train_pass_run(const struct train_pass *pass, const int32_t *order, int count,
                           struct train_totals *totals);

#endif
