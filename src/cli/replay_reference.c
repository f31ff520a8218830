// SPDX-License-Identifier: Apache-2.0
#include "cli/replay_reference.h"

#include "clef/model.h"
#include "core/error.h"
#include "io/json_file.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FILE_BYTES = 16 << 20, MAX_STEPS = 100000, MAX_CLASSES = 100000 };

// Checks that a list has *count elements, or 1 .. `limit` if *count is 0, and tells how many.
static clef_status check_list(const char *path, const char *what, const json_t *list, int limit,
                              int *count)
{
    size_t size = json_array_size(list);
    if (!json_is_array(list) || size == 0 || size > (size_t)limit ||
        (*count != 0 && size != (size_t)*count))
        return clef_fail(CLEF_FORMAT, "%s: \"%s\" is not a list of the expected length", path,
                         what);
    *count = (int)size;
    return CLEF_OK;
}

static clef_status copy_numbers(const char *path, const char *what, const json_t *list,
                                double *numbers)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *number = json_array_get(list, i);
        if (!json_is_number(number))
            return clef_fail(CLEF_FORMAT, "%s: element %zu of \"%s\" is not a number", path, i,
                             what);
        numbers[i] = json_number_value(number);
    }
    return CLEF_OK;
}

// Reads a list of numbers whose length is as check_list says.
static clef_status read_numbers(const char *path, const char *what, const json_t *list, int limit,
                                int *count, double **numbers)
{
    CLEF_TRY(check_list(path, what, list, limit, count));
    *numbers = calloc((size_t)*count, sizeof **numbers);
    if (*numbers == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "%s: no memory for \"%s\"", path, what);
    return copy_numbers(path, what, list, *numbers);
}

static clef_status read_logits(const char *path, const json_t *rows,
                               struct replay_reference *reference)
{
    static const char what[] = "logits_first_rows";
    size_t count = json_array_size(rows), classes = (size_t)reference->classes;
    if (count == 0 || count > (size_t)reference->batch_size)
        return clef_fail(CLEF_FORMAT, "%s: \"%s\" must hold 1 to %d rows", path, what,
                         reference->batch_size);
    // Many rows, of which one is long, must not become memory before all are known to be long.
    for (size_t i = 0; i < count; i++)
        CLEF_TRY(check_list(path, what, json_array_get(rows, i), MAX_CLASSES, &reference->classes));
    reference->logits = calloc(count * classes, sizeof *reference->logits);
    if (reference->logits == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "%s: no memory for the logits", path);
    reference->logit_rows = (int)count;
    for (size_t i = 0; i < count; i++)
        CLEF_TRY(
            copy_numbers(path, what, json_array_get(rows, i), reference->logits + i * classes));
    return CLEF_OK;
}

static clef_status read_parameter(const char *path, const json_t *gradient, const json_t *name,
                                  const json_t *norms, struct replay_parameter *parameter)
{
    const char *own_name;
    json_t *first;
    json_error_t error;
    if (!json_is_string(name) ||
        json_unpack_ex((json_t *)gradient, &error, 0, "{s:s, s:F, s:F, s:o}", "name", &own_name,
                       "l2", &parameter->gradient_l2, "sum", &parameter->gradient_sum, "first",
                       &first) != 0 ||
        strcmp(own_name, json_string_value(name)) != 0)
        return clef_fail(CLEF_FORMAT, "%s: \"gradients\" does not describe each of \"parameters\"",
                         path);
    size_t count = json_array_size(first);
    if (count < 1 || count > REPLAY_FIRST)
        return clef_fail(CLEF_FORMAT, "%s: \"first\" of \"%s\" is not a list of 1 to %d numbers",
                         path, own_name, REPLAY_FIRST);
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(first, i);
        if (!json_is_number(number))
            return clef_fail(CLEF_FORMAT, "%s: element %zu of \"first\" of \"%s\" is not a number",
                             path, i, own_name);
        parameter->first[i] = json_number_value(number);
    }
    parameter->first_count = (int)count;
    const json_t *norm = json_object_get(norms, own_name);
    if (!json_is_number(norm))
        return clef_fail(CLEF_FORMAT, "%s: \"weights_l2\" lacks \"%s\"", path, own_name);
    parameter->final_l2 = json_number_value(norm);
    parameter->name = strdup(own_name);
    return parameter->name != NULL ? CLEF_OK : clef_fail(CLEF_OUT_OF_MEMORY, "%s: no memory", path);
}

static clef_status read_parameters(const char *path, const json_t *names, const json_t *gradients,
                                   const json_t *norms, struct replay_reference *reference)
{
    size_t count = json_array_size(names);
    if (count == 0 || count != json_array_size(gradients) || count > 100000)
        return clef_fail(CLEF_FORMAT,
                         "%s: \"parameters\" and \"gradients\" are not lists of the same length",
                         path);
    reference->parameters = calloc(count, sizeof *reference->parameters);
    if (reference->parameters == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "%s: no memory for the parameters", path);
    reference->parameter_count = (int)count;
    for (size_t i = 0; i < count; i++)
        CLEF_TRY(read_parameter(path, json_array_get(gradients, i), json_array_get(names, i), norms,
                                &reference->parameters[i]));
    return CLEF_OK;
}

static clef_status read_moving(const char *path, json_t *moving, struct replay_reference *reference)
{
    const char *layer;
    json_t *norms;
    reference->moving = calloc(json_object_size(moving) + 1, sizeof *reference->moving);
    if (reference->moving == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "%s: no memory for the moving statistics", path);
    json_object_foreach(moving, layer, norms)
    {
        struct replay_moving *entry = &reference->moving[reference->moving_count];
        if (json_unpack(norms, "{s:F, s:F}", "mean_l2", &entry->mean_l2, "var_l2",
                        &entry->variance_l2) != 0)
            return clef_fail(CLEF_FORMAT, "%s: \"moving\" lacks the norms of \"%s\"", path, layer);
        entry->layer = strdup(layer);
        if (entry->layer == NULL)
            return clef_fail(CLEF_OUT_OF_MEMORY, "%s: no memory for the moving statistics", path);
        reference->moving_count++;
    }
    return CLEF_OK;
}

// The constants of the optimiser and of batch normalisation are Keras's defaults and fixed in Clef.
static clef_status check_constants(const char *path, json_t *root)
{
    double beta1, beta2, adam_epsilon, momentum, epsilon;
    json_error_t error;
    if (json_unpack_ex(root, &error, 0, "{s:{s:F, s:F, s:F}, s:{s:F, s:F}}", "adam", "beta1",
                       &beta1, "beta2", &beta2, "epsilon", &adam_epsilon, "bn", "momentum",
                       &momentum, "epsilon", &epsilon) != 0)
        return clef_fail(CLEF_FORMAT, "%s is not a trajectory: %s", path, error.text);
    if (beta1 != 0.9 || beta2 != 0.999 || adam_epsilon != 1e-7 || momentum != 0.99 ||
        epsilon != 1e-3)
        return clef_fail(CLEF_UNSUPPORTED,
                         "%s: only Adam with 0.9, 0.999, 1e-7 and batch normalisation with 0.99, "
                         "1e-3 can be replayed",
                         path);
    return CLEF_OK;
}

static clef_status parse(const char *path, json_t *root, struct replay_reference *reference)
{
    const char *what;
    int key;
    json_t *losses, *logits, *gradients, *names, *norms, *moving, *test_logits;
    json_error_t error;
    CLEF_TRY(check_constants(path, root));
    if (json_unpack_ex(root, &error, 0,
                       "{s:s, s:{s:i}, s:i, s:i, s:{s:F}, s:o, s:{s:o, s:o}, s:o,"
                       " s:{s:i, s:o, s:o, s:{s:F, s:F, s:o}}}",
                       "what", &what, "weights", "key", &key, "batch", &reference->batch_size,
                       "first_image", &reference->first_image, "adam", "lr",
                       &reference->learning_rate, "losses", &losses, "step1", "logits_first_rows",
                       &logits, "gradients", &gradients, "parameters", &names, "after", "steps",
                       &reference->steps, "weights_l2", &norms, "moving", &moving, "test_first_256",
                       "loss", &reference->test_loss, "accuracy", &reference->test_accuracy,
                       "logits_first_row", &test_logits) != 0)
        return clef_fail(CLEF_FORMAT, "%s is not a trajectory: %s", path, error.text);
    if (key < 0 || reference->batch_size < 1 || reference->batch_size > CLEF_MAX_BATCH ||
        reference->first_image < 0 || reference->steps < 1 || reference->steps > MAX_STEPS ||
        reference->first_image + (int64_t)reference->steps * reference->batch_size > INT32_MAX)
        return clef_fail(CLEF_FORMAT,
                         "%s: \"key\", \"batch\", \"first_image\" or \"steps\" is out of range",
                         path);
    reference->key = (uint32_t)key;
    reference->what = strdup(what);
    if (reference->what == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "%s: no memory", path);
    CLEF_TRY(
        read_numbers(path, "losses", losses, MAX_STEPS, &reference->steps, &reference->losses));
    CLEF_TRY(read_numbers(path, "logits_first_row", test_logits, MAX_CLASSES, &reference->classes,
                          &reference->test_logits));
    CLEF_TRY(read_logits(path, logits, reference));
    CLEF_TRY(read_parameters(path, names, gradients, norms, reference));
    return read_moving(path, moving, reference);
}

// Reads the losses of the float32 companion, if there is one.
static clef_status load_float32(const char *path, struct replay_reference *reference)
{
    char companion[4096];
    const char *base = strrchr(path, '/');
    const char *precision = strstr(base != NULL ? base : path, "float64");
    size_t length = strlen(path);
    if (precision == NULL || length >= sizeof companion)
        return CLEF_OK;
    memcpy(companion, path, length + 1);
    memcpy(companion + (precision - path), "float32", strlen("float32"));
    if (access(companion, F_OK) != 0)
        return CLEF_OK;
    json_t *root, *losses;
    CLEF_TRY(clef_json_load(companion, MAX_FILE_BYTES, &root));
    clef_status status;
    if (json_unpack(root, "{s:o, s:{s:{s:F}}}", "losses", &losses, "after", "test_first_256",
                    "loss", &reference->float32_test_loss) != 0)
        status = clef_fail(CLEF_FORMAT, "%s is not a trajectory", companion);
    else
        status = read_numbers(companion, "losses", losses, MAX_STEPS, &reference->steps,
                              &reference->float32_losses);
    json_decref(root);
    return status;
}

clef_status replay_reference_load(const char *path, struct replay_reference *reference)
{
    json_t *root;
    memset(reference, 0, sizeof *reference);
    CLEF_TRY(clef_json_load(path, MAX_FILE_BYTES, &root));
    clef_status status = parse(path, root, reference);
    json_decref(root);
    if (status == CLEF_OK)
        status = load_float32(path, reference);
    if (status != CLEF_OK)
        replay_reference_release(reference);
    return status;
}

void replay_reference_release(struct replay_reference *reference)
{
    for (int i = 0; i < reference->parameter_count; i++)
        free(reference->parameters[i].name);
    for (int i = 0; i < reference->moving_count; i++)
        free(reference->moving[i].layer);
    free(reference->parameters);
    free(reference->moving);
    free(reference->what);
    free(reference->losses);
    free(reference->logits);
    free(reference->test_logits);
    free(reference->float32_losses);
    memset(reference, 0, sizeof *reference);
}
