// SPDX-License-Identifier: Apache-2.0
// Moving statistics taken anew, with weights that stay as they are.
//
// A training step moves a statistic s to momentum * s + (1 - momentum) * batch. From s = 0, n such
// steps give a weighted sum of the batches whose weights add up to 1 - momentum^n: divided by that
// it is their mean, as Adam's moments are corrected.
#include "clef/trainer.h"
#include "core/error.h"
#include "train/pass.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// The moving statistics of the batch normalisations that are not frozen, one after another.
struct statistics {
    struct clef_model *model;
    int *parameters;
    int count;
    size_t floats;
    float *before; // What they were; put back unless all goes well.
    float *values;
};

static void list(struct statistics *statistics)
{
    bool trained = false;
    for (int i = 0; i < clef_model_parameter_count(statistics->model); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(statistics->model, i);
        if (parameter.kind == CLEF_PARAMETER_GAMMA)
            trained = parameter.trainable;
        if (!trained || (parameter.kind != CLEF_PARAMETER_MOVING_MEAN &&
                         parameter.kind != CLEF_PARAMETER_MOVING_VARIANCE))
            continue;
        statistics->parameters[statistics->count++] = i;
        statistics->floats += parameter.count;
    }
}

static clef_status read_all(const struct statistics *statistics, float *values)
{
    for (int i = 0; i < statistics->count; i++) {
        int parameter = statistics->parameters[i];
        CLEF_TRY(clef_model_read_parameter(statistics->model, parameter, values));
        values += clef_model_get_parameter(statistics->model, parameter).count;
    }
    return CLEF_OK;
}

static clef_status write_all(const struct statistics *statistics, const float *values)
{
    for (int i = 0; i < statistics->count; i++) {
        int parameter = statistics->parameters[i];
        CLEF_TRY(clef_model_write_parameter(statistics->model, parameter, values));
        values += clef_model_get_parameter(statistics->model, parameter).count;
    }
    return CLEF_OK;
}

static clef_status begin(struct statistics *statistics)
{
    int parameters = clef_model_parameter_count(statistics->model);
    statistics->parameters = calloc((size_t)parameters, sizeof *statistics->parameters);
    if (statistics->parameters != NULL)
        list(statistics);
    statistics->before = calloc(statistics->floats + 1, sizeof *statistics->before);
    statistics->values = calloc(statistics->floats + 1, sizeof *statistics->values);
    if (statistics->parameters == NULL || statistics->before == NULL || statistics->values == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for %zu moving statistics",
                         statistics->floats);
    return read_all(statistics, statistics->before);
}

static void release(struct statistics *statistics)
{
    free(statistics->parameters);
    free(statistics->before);
    free(statistics->values);
}

static clef_status divide(const struct statistics *statistics, double sum_of_weights)
{
    CLEF_TRY(read_all(statistics, statistics->values));
    for (size_t i = 0; i < statistics->floats; i++)
        statistics->values[i] = (float)((double)statistics->values[i] / sum_of_weights);
    return write_all(statistics, statistics->values);
}

// One pass in training mode over the first images of an epoch that follows those of training.
static clef_status run_batches(struct train_pass *pass, const struct clef_dataset *training,
                               const struct clef_train_config *config, int batches, int *steps)
{
    struct train_totals totals = {0};
    int all = clef_dataset_get_shape(training).count;
    int64_t images = (int64_t)batches * config->batch_size;
    int32_t *order = malloc((size_t)all * sizeof *order);
    if (order == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the order of %d images", all);
    train_make_order(config, config->epochs + 1, order, all);
    clef_status status =
        train_create_loader(pass->model, training, config->batch_size, &pass->loader);
    if (status == CLEF_OK)
        status = train_pass_run(pass, order, images < all ? (int)images : all, &totals);
    clef_batch_loader_destroy(pass->loader);
    free(order);
    *steps = totals.steps;
    return status;
}

// After a failure, which stays the one to tell if this succeeds.
static clef_status put_back(const struct statistics *statistics, clef_status failure)
{
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", clef_last_error());
    CLEF_TRY(write_all(statistics, statistics->before));
    return clef_fail(failure, "%s", reason);
}

static clef_status update(struct statistics *statistics, struct train_pass *pass,
                          const struct clef_dataset *training,
                          const struct clef_train_config *config, int batches, double momentum)
{
    int steps;
    CLEF_TRY(write_all(statistics, statistics->values));
    CLEF_TRY(run_batches(pass, training, config, batches, &steps));
    return divide(statistics, 1 - pow(momentum, steps));
}

clef_status clef_update_bn(struct clef_model *model, const struct clef_dataset *training,
                           const struct clef_train_config *config, int batches,
                           const struct clef_train_callbacks *callbacks)
{
    if (model == NULL || training == NULL || config == NULL || batches < 1)
        return clef_fail(CLEF_INVALID_ARGUMENT, "the update of moving statistics needs a model, a "
                                                "training set, a configuration and a batch");
    // As the kernels have it, in single precision.
    double momentum = (double)(float)clef_model_get_config(model)->batchnorm.momentum;
    if (!(momentum < 1))
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "with a momentum of 1 the moving statistics never change");
    struct train_pass pass = {
        .model = model, .kind = TRAIN_PASS_STATISTICS, .callbacks = callbacks};
    struct statistics statistics = {.model = model};
    CLEF_TRY(train_prepare(model, training, config->batch_size, true));
    clef_status status = begin(&statistics);
    if (status == CLEF_OK && statistics.count > 0) {
        status = update(&statistics, &pass, training, config, batches, momentum);
        if (status != CLEF_OK)
            status = put_back(&statistics, status);
    }
    release(&statistics);
    return status;
}
