// SPDX-License-Identifier: Apache-2.0
#include "train/pass.h"

#include "core/error.h"

#include <stdio.h>
#include <string.h>

double train_mean_loss(const struct train_totals *totals)
{
    return totals->loss / (double)totals->images;
}

double train_mean_accuracy(const struct train_totals *totals)
{
    return (double)totals->correct / (double)totals->images;
}

clef_status train_prepare(struct clef_model *model, const struct clef_dataset *dataset,
                          int batch_size, bool training)
{
    struct clef_dataset_shape shape = clef_dataset_get_shape(dataset);
    int classes = clef_model_get_config(model)->classes;
    // A small data set never has a batch as large as that, but its model is saved with the size.
    if (batch_size < 1 || batch_size > CLEF_MAX_BATCH)
        return clef_fail(CLEF_INVALID_ARGUMENT, "the batch size is %d, but must be in 1..%d",
                         batch_size, CLEF_MAX_BATCH);
    if (shape.count < 1)
        return clef_fail(CLEF_INVALID_ARGUMENT, "the data set is empty");
    if (shape.classes > classes)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the data set has %d classes but the model only %d: build the model "
                         "with as many",
                         shape.classes, classes);
    // The largest batch first: the memory of the others then lies within its own.
    if (shape.count >= batch_size)
        CLEF_TRY(clef_model_prepare(model, batch_size, training));
    if (shape.count % batch_size != 0)
        CLEF_TRY(clef_model_prepare(model, shape.count % batch_size, training));
    return CLEF_OK;
}

static clef_status enqueue(const struct train_pass *pass, const struct clef_batch *batch,
                           int *ticket)
{
    if (pass->training)
        return clef_model_train_step(pass->model, batch, pass->learning_rate, ticket);
    return clef_model_evaluate_step(pass->model, batch, ticket);
}

// Waits for a step, gives its batch back and adds its metrics.
static clef_status collect(const struct train_pass *pass, int ticket, struct train_totals *totals)
{
    struct clef_metrics metrics;
    CLEF_TRY(clef_model_wait(pass->model, ticket, &metrics));
    CLEF_TRY(clef_batch_loader_release(pass->loader));
    totals->loss += metrics.loss * metrics.count;
    totals->correct += metrics.correct;
    totals->images += metrics.count;
    totals->steps++;
    if (pass->on_step != NULL && !pass->on_step(pass->user, totals))
        return clef_fail(CLEF_INTERRUPTED, "stopped on request after step %d of the pass",
                         totals->steps);
    return CLEF_OK;
}

// Asked before a step rather than after one: a request that came between two passes then begins
// none.
static clef_status check_request(const struct train_pass *pass, const struct train_totals *totals)
{
    const struct clef_train_callbacks *callbacks = pass->callbacks;
    if (callbacks != NULL && callbacks->should_stop != NULL &&
        callbacks->should_stop(callbacks->user))
        return clef_fail(CLEF_INTERRUPTED, "stopped on request after step %d of the pass",
                         totals->steps);
    return CLEF_OK;
}

// Enqueues batch after batch; *open counts the steps under way, tickets[0] is the oldest.
static clef_status run_steps(const struct train_pass *pass, struct train_totals *totals,
                             int tickets[2], int *open)
{
    for (;;) {
        struct clef_batch batch;
        CLEF_TRY(clef_batch_loader_next(pass->loader, &batch));
        if (batch.count > 0) {
            CLEF_TRY(check_request(pass, totals));
            CLEF_TRY(enqueue(pass, &batch, &tickets[*open]));
            (*open)++;
        } else if (*open == 0) {
            return CLEF_OK;
        }
        if (*open == 2 || batch.count == 0) {
            int ticket = tickets[0];
            tickets[0] = tickets[1];
            (*open)--;
            CLEF_TRY(collect(pass, ticket, totals));
        }
    }
}

clef_status train_pass_run(const struct train_pass *pass, const int32_t *order, int count,
                           struct train_totals *totals)
{
    int tickets[2] = {0, 0};
    int open = 0;
    memset(totals, 0, sizeof *totals);
    CLEF_TRY(clef_batch_loader_begin(pass->loader, order, count));
    clef_status status = run_steps(pass, totals, tickets, &open);
    if (status == CLEF_OK || open == 0)
        return status;
    // A step is still under way and reads its batch. Its own failure, if any, follows from the
    // first one, which is the one to tell.
    char reason[1024];
    struct clef_metrics metrics;
    snprintf(reason, sizeof reason, "%s", clef_last_error());
    for (int i = 0; i < open; i++)
        (void)clef_model_wait(pass->model, tickets[i], &metrics);
    return clef_fail(status, "%s", reason);
}
