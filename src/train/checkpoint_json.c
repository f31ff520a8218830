// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint_json.h"

#include "core/error.h"
#include "io/json_build.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define GENERATOR "philox4x32-10" // What draws the order of the images from seed and epoch.

// ---------------------------------------------------------------- writing

// A number of 64 bits, which JSON's signed ones cannot hold.
static json_t *from_uint64(uint64_t value)
{
    return json_sprintf("%" PRIu64, value);
}

static json_t *from_identity(const struct clef_dataset_identity *identity)
{
    const struct clef_dataset_shape *shape = &identity->shape;
    if (shape->count == 0)
        return json_null();
    return json_pack(
        "{s:i, s:i, s:i, s:i, s:i, s:o}", "images", shape->count, "height", shape->height, "width",
        shape->width, "channels", shape->channels, "classes", shape->classes, "digest",
        json_sprintf("%016" PRIx64 "%016" PRIx64, identity->digest[0], identity->digest[1]));
}

// A figure that may not exist.
static json_t *from_figure(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *from_epochs(const struct clef_epoch *epochs, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        clef_json_append(&array,
                         json_pack("{s:f, s:f, s:o, s:o, s:f}", "loss", epochs[i].loss, "accuracy",
                                   epochs[i].accuracy, "val_loss", from_figure(epochs[i].val_loss),
                                   "val_accuracy", from_figure(epochs[i].val_accuracy), "seconds",
                                   epochs[i].seconds));
    return array;
}

char *checkpoint_to_json(const struct clef_checkpoint *checkpoint)
{
    const struct clef_train_config *config = &checkpoint->config;
    const struct clef_train_state *state = &checkpoint->state;
    json_t *object = json_pack(
        "{s:i, s:{s:i, s:i, s:f, s:o, s:b, s:i}, s:s, s:{s:i, s:i, s:f, s:I, s:I, s:f}, s:o, s:o, "
        "s:o}",
        "version", VERSION, "config", "epochs", config->epochs, "batch_size", config->batch_size,
        "learning_rate", (double)config->learning_rate, "seed", from_uint64(config->seed),
        "shuffle", config->shuffle, "checkpoint_every", config->checkpoint_every, "generator",
        GENERATOR, "state", "epoch", state->epoch, "step", state->step, "loss", state->loss,
        "correct", (json_int_t)state->correct, "images", (json_int_t)state->images, "seconds",
        state->seconds, "history", from_epochs(checkpoint->epochs, state->epoch - 1), "training",
        from_identity(&checkpoint->training), "validation", from_identity(&checkpoint->validation));
    // Seventeen digits give each double back.
    char *text = clef_json_text(object, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(object);
    return text;
}

// ---------------------------------------------------------------- reading

static clef_status read_int64(const json_t *object, const char *key, int64_t low, int64_t high,
                              int64_t *value)
{
    const json_t *number = json_object_get(object, key);
    *value = json_integer_value(number);
    if (!json_is_integer(number) || *value < low || *value > high)
        return clef_fail(CLEF_FORMAT, "\"%s\" must be a whole number from %" PRId64 " to %" PRId64,
                         key, low, high);
    return CLEF_OK;
}

static clef_status read_int(const json_t *object, const char *key, int low, int high, int *value)
{
    int64_t number = 0;
    CLEF_TRY(read_int64(object, key, low, high, &number));
    *value = (int)number;
    return CLEF_OK;
}

static clef_status read_real(const json_t *object, const char *key, double *value)
{
    const json_t *number = json_object_get(object, key);
    *value = json_number_value(number);
    if (!json_is_number(number) || !isfinite(*value) || *value < 0)
        return clef_fail(CLEF_FORMAT, "\"%s\" must be a number of at least 0", key);
    return CLEF_OK;
}

static clef_status read_figure(const json_t *object, const char *key, double *value)
{
    *value = NAN;
    return json_is_null(json_object_get(object, key)) ? CLEF_OK : read_real(object, key, value);
}

static clef_status read_uint64(const json_t *object, const char *key, uint64_t *value)
{
    const char *text = json_string_value(json_object_get(object, key));
    bool is_digits = text && *text && strspn(text, "0123456789") == strlen(text);
    errno = 0;
    *value = is_digits ? strtoull(text, NULL, 10) : 0;
    if (!is_digits || errno != 0)
        return clef_fail(CLEF_FORMAT, "\"%s\" must be a text of digits, below 2^64", key);
    return CLEF_OK;
}

static clef_status read_config(const json_t *object, struct clef_train_config *config)
{
    double learning_rate = 0;
    const json_t *shuffle = json_object_get(object, "shuffle");
    CLEF_TRY(read_int(object, "epochs", 1, INT_MAX - 1, &config->epochs));
    CLEF_TRY(read_int(object, "batch_size", 1, CLEF_MAX_BATCH, &config->batch_size));
    CLEF_TRY(read_real(object, "learning_rate", &learning_rate));
    CLEF_TRY(read_uint64(object, "seed", &config->seed));
    CLEF_TRY(read_int(object, "checkpoint_every", 0, INT_MAX, &config->checkpoint_every));
    config->learning_rate = (float)learning_rate;
    if (!(config->learning_rate > 0) || !isfinite(config->learning_rate))
        return clef_fail(CLEF_FORMAT, "\"learning_rate\" must be a number above 0");
    if (!json_is_boolean(shuffle))
        return clef_fail(CLEF_FORMAT, "\"shuffle\" must be true or false");
    config->shuffle = json_is_true(shuffle);
    return CLEF_OK;
}

// Whether the counts fit each other is for the trainer to say, which knows the data.
static clef_status read_state(const json_t *object, int epochs, struct clef_train_state *state)
{
    CLEF_TRY(read_int(object, "epoch", 1, epochs + 1, &state->epoch));
    CLEF_TRY(read_int(object, "step", 0, INT_MAX, &state->step));
    CLEF_TRY(read_real(object, "loss", &state->loss));
    CLEF_TRY(read_int64(object, "correct", 0, INT_MAX, &state->correct));
    CLEF_TRY(read_int64(object, "images", 0, INT_MAX, &state->images));
    return read_real(object, "seconds", &state->seconds);
}

static clef_status read_epoch(const json_t *object, struct clef_epoch *epoch)
{
    CLEF_TRY(read_real(object, "loss", &epoch->loss));
    CLEF_TRY(read_real(object, "accuracy", &epoch->accuracy));
    CLEF_TRY(read_figure(object, "val_loss", &epoch->val_loss));
    CLEF_TRY(read_figure(object, "val_accuracy", &epoch->val_accuracy));
    return read_real(object, "seconds", &epoch->seconds);
}

static clef_status read_epochs(const json_t *array, struct clef_checkpoint *checkpoint)
{
    size_t count = (size_t)checkpoint->state.epoch - 1;
    if (!json_is_array(array) || json_array_size(array) != count)
        return clef_fail(CLEF_FORMAT,
                         "\"history\" must be a list of the %zu epochs before epoch %d", count,
                         checkpoint->state.epoch);
    checkpoint->epochs = calloc(count + 1, sizeof *checkpoint->epochs);
    if (!checkpoint->epochs)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the results of %zu epochs", count);
    for (size_t i = 0; i < count; i++) {
        clef_status status = read_epoch(json_array_get(array, i), &checkpoint->epochs[i]);
        if (status != CLEF_OK)
            return clef_fail_in(status, "\"history\", epoch %zu", i + 1);
    }
    return CLEF_OK;
}

// A number from 16 hexadecimal digits.
static uint64_t read_digits(const char *digits)
{
    char text[17];
    memcpy(text, digits, 16);
    text[16] = '\0';
    return strtoull(text, NULL, 16);
}

static clef_status read_identity(const json_t *object, struct clef_dataset_identity *identity)
{
    struct clef_dataset_shape *shape = &identity->shape;
    const char *digest = json_string_value(json_object_get(object, "digest"));
    CLEF_TRY(read_int(object, "images", 1, INT_MAX, &shape->count));
    CLEF_TRY(read_int(object, "height", 1, INT_MAX, &shape->height));
    CLEF_TRY(read_int(object, "width", 1, INT_MAX, &shape->width));
    CLEF_TRY(read_int(object, "channels", 1, INT_MAX, &shape->channels));
    CLEF_TRY(read_int(object, "classes", 1, INT_MAX, &shape->classes));
    if (!digest || strlen(digest) != 32 || strspn(digest, "0123456789abcdef") != 32)
        return clef_fail(CLEF_FORMAT, "\"digest\" must be 32 hexadecimal digits");
    identity->digest[0] = read_digits(digest);
    identity->digest[1] = read_digits(digest + 16);
    return CLEF_OK;
}

static clef_status read_data(const json_t *object, struct clef_checkpoint *checkpoint)
{
    const json_t *validation = json_object_get(object, "validation");
    clef_status status = read_identity(json_object_get(object, "training"), &checkpoint->training);
    if (status != CLEF_OK)
        return clef_fail_in(status, "\"training\"");
    if (json_is_null(validation))
        return CLEF_OK;
    status = read_identity(validation, &checkpoint->validation);
    return status == CLEF_OK ? CLEF_OK : clef_fail_in(status, "\"validation\"");
}

static clef_status read_object(const json_t *object, struct clef_checkpoint *checkpoint)
{
    const char *generator = json_string_value(json_object_get(object, "generator"));
    int version = 0;
    CLEF_TRY(read_int(object, "version", 1, INT_MAX, &version));
    if (version != VERSION)
        return clef_fail(CLEF_UNSUPPORTED,
                         "the checkpoint has version %d, but only %d is known: use the Clef that "
                         "wrote it",
                         version, VERSION);
    if (!generator || strcmp(generator, GENERATOR) != 0)
        return clef_fail(CLEF_UNSUPPORTED, "\"generator\" is \"%s\", but only \"%s\" is known",
                         generator ? generator : "", GENERATOR);
    CLEF_TRY(read_config(json_object_get(object, "config"), &checkpoint->config));
    CLEF_TRY(read_state(json_object_get(object, "state"), checkpoint->config.epochs,
                        &checkpoint->state));
    CLEF_TRY(read_epochs(json_object_get(object, "history"), checkpoint));
    return read_data(object, checkpoint);
}

clef_status checkpoint_from_json(const char *text, struct clef_checkpoint *checkpoint)
{
    json_t *object;
    CLEF_TRY(clef_json_read(text, &object));
    clef_status status = read_object(object, checkpoint);
    json_decref(object);
    return status;
}
