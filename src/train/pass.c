// SPDX-License-Identifier: Apache-2.0
#include "train/pass.h"

#include "core/error.h"
#include "data/shuffle.h"

#include <stdio.h>

double train_mean_loss(const struct train_totals *totals)
{
    return totals->loss / (double)totals->images;
}

double train_mean_accuracy(const struct train_totals *totals)
{
    return (double)totals->correct / (double)totals->images;
}

clef_status train_create_loader(struct clef_model *model, const struct clef_dataset *dataset,
                                int batch_size, struct clef_batch_loader **loader)
{
    const struct clef_resnet_config *network = clef_model_get_config(model);
    return clef_batch_loader_create(dataset, network->input_height, network->input_width,
                                    network->input_channels, batch_size, loader);
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

void train_make_order(const struct clef_train_config *config, int epoch, int32_t *order, int count)
{
    if (config->shuffle) {
        clef_shuffle(config->seed, (uint32_t)epoch, order, count);
        return;
    }
    for (int i = 0; i < count; i++)
        order[i] = i;
}

static clef_status enqueue(const struct train_pass *pass, const struct clef_batch *batch,
                           int *ticket)
{
    switch (pass->kind) {
    case TRAIN_PASS_TRAINING:
        return clef_model_train_step(pass->model, batch, pass->learning_rate, ticket);
    case TRAIN_PASS_STATISTICS:
        return clef_model_statistics_step(pass->model, batch, ticket);
    default:
        return clef_model_evaluate_step(pass->model, batch, ticket);
    }
}

static void add(struct train_totals *totals, const struct clef_metrics *metrics)
{
    totals->loss += metrics->loss * metrics->count;
    totals->correct += metrics->correct;
    totals->images += metrics->count;
    totals->steps++;
}

static clef_status interrupted(const struct train_totals *totals)
{
    return clef_fail(CLEF_INTERRUPTED, "stopped on request after step %d of the pass",
                     totals->steps);
}

// The steps under way, the oldest first.
struct queue {
    int tickets[2];
    int open;
};

// Waits for the oldest step, gives its batch back and adds its metrics.
static clef_status collect(const struct train_pass *pass, struct queue *queue,
                           struct train_totals *totals)
{
    struct clef_metrics metrics;
    int ticket = queue->tickets[0];
    queue->tickets[0] = queue->tickets[1];
    queue->open--;
    CLEF_TRY(clef_model_wait(pass->model, ticket, &metrics));
    CLEF_TRY(clef_batch_loader_release(pass->loader));
    add(totals, &metrics);
    if (pass->on_step != NULL && !pass->on_step(pass->user, totals))
        return interrupted(totals);
    return CLEF_OK;
}

bool train_should_stop(const struct clef_train_callbacks *callbacks)
{
    return callbacks != NULL && callbacks->should_stop != NULL &&
           callbacks->should_stop(callbacks->user);
}

// Asked before a step rather than after one: a request that came between two passes then begins
// none.
static clef_status check_request(const struct train_pass *pass, const struct train_totals *totals)
{
    return train_should_stop(pass->callbacks) ? interrupted(totals) : CLEF_OK;
}

// Enqueues batch after batch, and waits for the one before, or for all where the pass pauses or
// ends.
static clef_status run_steps(const struct train_pass *pass, struct train_totals *totals,
                             struct queue *queue)
{
    for (bool more = true; more;) {
        struct clef_batch batch;
        CLEF_TRY(clef_batch_loader_next(pass->loader, &batch));
        more = batch.count > 0;
        if (more) {
            CLEF_TRY(check_request(pass, totals));
            CLEF_TRY(enqueue(pass, &batch, &queue->tickets[queue->open]));
            queue->open++;
        }
        bool pauses = more && pass->pauses_after != NULL &&
                      pass->pauses_after(pass->user, totals->steps + queue->open);
        while (queue->open > (more && !pauses ? 1 : 0))
            CLEF_TRY(collect(pass, queue, totals));
        if (pauses)
            CLEF_TRY(pass->on_pause(pass->user, totals));
    }
    return CLEF_OK;
}

// Waits for the steps that read their batches still. After a request to stop they count as any
// other; their failure, if the pass has failed already, follows from the first one, which is the
// one to tell.
static clef_status drain(const struct train_pass *pass, struct queue *queue,
                         struct train_totals *totals, clef_status status)
{
    char reason[1024];
    struct clef_metrics metrics;
    snprintf(reason, sizeof reason, "%s", clef_last_error());
    for (int i = 0; i < queue->open; i++) {
        clef_status last = clef_model_wait(pass->model, queue->tickets[i], &metrics);
        if (status != CLEF_INTERRUPTED)
            continue;
        if (last == CLEF_OK) {
            add(totals, &metrics);
        } else {
            status = last;
            snprintf(reason, sizeof reason, "%s", clef_last_error());
        }
    }
    return clef_fail(status, "%s", reason);
}

clef_status train_pass_run(const struct train_pass *pass, const int32_t *order, int count,
                           struct train_totals *totals)
{
    struct queue queue = {0};
    CLEF_TRY(clef_batch_loader_begin(pass->loader, order, count));
    clef_status status = run_steps(pass, totals, &queue);
    if (status == CLEF_OK || queue.open == 0)
        return status;
    return drain(pass, &queue, totals, status);
}
