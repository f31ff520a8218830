// SPDX-License-Identifier: Apache-2.0
#include "cli/replay_compare.h"

#include "core/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The limits. A step's rounding stays far below the first; later losses drift apart since training
// magnifies every rounding, as far as float32 itself does in the other framework.
static const double step_limit = 1e-4;
static const double loss_limit = 1e-3;
static const double loss_drift = 3;

// A gradient that is zero but for rounding: below the first where it is true, and below the second
// here.
static const double zero_norm = 1e-9;
static const double zero_limit = 1e-6;

// The larger of two errors, where NaN counts as the largest.
static double worse(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static double largest(const double *values, size_t count)
{
    double result = 0;
    for (size_t i = 0; i < count; i++)
        result = fmax(result, fabs(values[i]));
    return result;
}

static double l2_norm(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * values[i];
    return sqrt(sum);
}

// Reads the logits of the last step's `images` and compares the first `rows` of them.
static clef_status compare_logits(struct clef_model *model, const double *expected, int rows,
                                  int images, int classes, const char *name, double allowed,
                                  struct replay_report *report)
{
    float *logits = calloc((size_t)images * (size_t)classes, sizeof *logits);
    if (logits == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the logits of %d images", images);
    clef_status status = clef_model_read_logits(model, logits);
    size_t count = (size_t)rows * (size_t)classes;
    double scale = largest(expected, count), measured = 0, error = 0;
    for (size_t i = 0; status == CLEF_OK && i < count; i++) {
        measured = worse(fabs((double)logits[i]), measured);
        error = worse(fabs(logits[i] - expected[i]) / scale, error);
    }
    free(logits);
    CLEF_TRY(status);
    return replay_report_add(report, scale, measured, error, allowed, "%s", name);
}

clef_status replay_compare_logits(struct clef_model *model,
                                  const struct replay_reference *reference,
                                  struct replay_report *report)
{
    return compare_logits(model, reference->logits, reference->logit_rows, reference->batch_size,
                          reference->classes, "step 1: logits (largest)", step_limit, report);
}

clef_status replay_compare_test_logits(struct clef_model *model,
                                       const struct replay_reference *reference,
                                       struct replay_report *report)
{
    return compare_logits(model, reference->test_logits, 1, 1, reference->classes,
                          "test: logits of the first image (largest)", NAN, report);
}

// Compares norm, sum and first elements of a gradient; the row shows the norm and the worst error.
static clef_status compare_gradient(const struct replay_parameter *expected, const float *gradient,
                                    size_t count, struct replay_report *report)
{
    double norm = l2_norm(gradient, count), sum = 0;
    if (expected->gradient_l2 < zero_norm)
        return replay_report_add_zero(report, expected->gradient_l2, norm, zero_limit,
                                      "step 1: gradient of %s", expected->name);
    for (size_t i = 0; i < count; i++)
        sum += gradient[i];
    double scale = expected->gradient_l2;
    double error = fabs(norm - scale) / scale;
    error = worse(fabs(sum - expected->gradient_sum) / (scale * sqrt((double)count)), error);
    for (int i = 0; i < expected->first_count; i++)
        error = worse(fabs(gradient[i] - expected->first[i]) / scale, error);
    return replay_report_add(report, scale, norm, error, step_limit, "step 1: gradient of %s",
                             expected->name);
}

// The number of the next trained parameter from `index` on; the count of all if there is none.
static int next_trained(const struct clef_model *model, int index)
{
    int count = clef_model_parameter_count(model);
    while (index < count && !clef_model_get_parameter(model, index).trainable)
        index++;
    return index;
}

clef_status replay_check_parameters(const struct clef_model *model,
                                    const struct replay_reference *reference, const char *path)
{
    int index = next_trained(model, 0);
    for (int i = 0; i < reference->parameter_count; i++) {
        const struct replay_parameter *expected = &reference->parameters[i];
        // Past the last parameter the name is empty, which no other is.
        struct clef_parameter parameter = clef_model_get_parameter(model, index);
        if (strcmp(parameter.name, expected->name) != 0)
            return clef_fail(
                CLEF_FORMAT,
                "%s: the parameter \"%s\" is not the network's at this place, which is "
                "\"%s\"",
                path, expected->name, parameter.name);
        int first = parameter.count < REPLAY_FIRST ? (int)parameter.count : REPLAY_FIRST;
        if (expected->first_count != first)
            return clef_fail(CLEF_FORMAT,
                             "%s: \"first\" of \"%s\" has %d numbers, but must have %d", path,
                             expected->name, expected->first_count, first);
        index = next_trained(model, index + 1);
    }
    if (index < clef_model_parameter_count(model))
        return clef_fail(CLEF_FORMAT, "%s: the network's parameter \"%s\" is missing", path,
                         clef_model_get_parameter(model, index).name);
    return CLEF_OK;
}

static clef_status read_values(struct clef_model *model, int index, bool gradient, float **values)
{
    struct clef_parameter parameter = clef_model_get_parameter(model, index);
    *values = calloc(parameter.count, sizeof **values);
    if (*values == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the %zu values of \"%s\"",
                         parameter.count, parameter.name);
    clef_status status = gradient ? clef_model_read_gradient(model, index, *values)
                                  : clef_model_read_parameter(model, index, *values);
    if (status != CLEF_OK) {
        free(*values);
        *values = NULL;
    }
    return status;
}

clef_status replay_compare_gradients(struct clef_model *model,
                                     const struct replay_reference *reference,
                                     struct replay_report *report)
{
    int index = next_trained(model, 0);
    for (int i = 0; i < reference->parameter_count; i++, index = next_trained(model, index + 1)) {
        float *gradient;
        CLEF_TRY(read_values(model, index, true, &gradient));
        clef_status status = compare_gradient(&reference->parameters[i], gradient,
                                              clef_model_get_parameter(model, index).count, report);
        free(gradient);
        CLEF_TRY(status);
    }
    return CLEF_OK;
}

clef_status replay_compare_losses(const struct replay_reference *reference, const double *losses,
                                  const struct clef_evaluation *test, struct replay_report *report)
{
    double drift = 0; // The largest that float32 Keras had up to this step.
    for (int i = 0; i < reference->steps; i++) {
        if (reference->float32_losses != NULL)
            drift = fmax(drift, fabs(reference->float32_losses[i] - reference->losses[i]));
        CLEF_TRY(replay_report_add_distance(report, reference->losses[i], losses[i],
                                            fmax(loss_limit, loss_drift * drift), "step %d: loss",
                                            i + 1));
    }
    if (reference->float32_losses != NULL)
        drift = fmax(drift, fabs(reference->float32_test_loss - reference->test_loss));
    CLEF_TRY(replay_report_add_distance(report, reference->test_loss, test->loss,
                                        fmax(loss_limit, loss_drift * drift), "test: loss"));
    return replay_report_add_distance(report, reference->test_accuracy, test->accuracy, NAN,
                                      "test: accuracy");
}

static clef_status compare_norm(struct clef_model *model, int index, double expected,
                                struct replay_report *report)
{
    struct clef_parameter parameter = clef_model_get_parameter(model, index);
    float *values;
    CLEF_TRY(read_values(model, index, false, &values));
    double norm = l2_norm(values, parameter.count);
    free(values);
    // A norm that is zero but for rounding has no relative error worth telling.
    if (expected < zero_norm)
        return replay_report_add_zero(report, expected, norm, NAN, "after: norm of %s",
                                      parameter.name);
    return replay_report_add(report, expected, norm, fabs(norm - expected) / expected, NAN,
                             "after: norm of %s", parameter.name);
}

// Finds the statistic of a kind that belongs to a layer; -1 if there is none.
static int find_moving(const struct clef_model *model, const char *layer,
                       enum clef_parameter_kind kind)
{
    size_t length = strlen(layer);
    int count = clef_model_parameter_count(model);
    for (int i = 0; i < count; i++) {
        struct clef_parameter parameter = clef_model_get_parameter(model, i);
        if (parameter.kind == kind && strncmp(parameter.name, layer, length) == 0 &&
            parameter.name[length] == '.')
            return i;
    }
    return -1;
}

clef_status replay_compare_parameters(struct clef_model *model,
                                      const struct replay_reference *reference,
                                      struct replay_report *report)
{
    int index = next_trained(model, 0);
    for (int i = 0; i < reference->parameter_count; i++, index = next_trained(model, index + 1))
        CLEF_TRY(compare_norm(model, index, reference->parameters[i].final_l2, report));
    for (int i = 0; i < reference->moving_count; i++) {
        const struct replay_moving *moving = &reference->moving[i];
        int mean = find_moving(model, moving->layer, CLEF_PARAMETER_MOVING_MEAN);
        int variance = find_moving(model, moving->layer, CLEF_PARAMETER_MOVING_VARIANCE);
        if (mean < 0 || variance < 0)
            return clef_fail(CLEF_FORMAT, "the network has no batch normalisation \"%s\"",
                             moving->layer);
        CLEF_TRY(compare_norm(model, mean, moving->mean_l2, report));
        CLEF_TRY(compare_norm(model, variance, moving->variance_l2, report));
    }
    return CLEF_OK;
}
