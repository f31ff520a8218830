// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_tuned.h"
#include "core/hash.h"
#include "io/cache_directory.h"
#include "io/json_build.h"
#include "io/json_file.h"
#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_device.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 1 // Another number after a change of the file's meaning.
#define MAX_FILE_BYTES ((size_t)1 << 20)

static struct ocl_identity identify(const struct ocl_context *ocl)
{
    struct ocl_identity id = {0};
    ocl_platform_text(ocl->platform, CL_PLATFORM_NAME, id.platform, sizeof id.platform);
    ocl_device_text(ocl->device, CL_DEVICE_NAME, id.device, sizeof id.device);
    ocl_device_text(ocl->device, CL_DRIVER_VERSION, id.driver, sizeof id.driver);
    ocl_device_text(ocl->device, CL_DEVICE_VERSION, id.version, sizeof id.version);
    return id;
}

// DIRECTORY/DEVICE-HASH.json; a new driver finds the file of the old one, and can say so.
static bool find_file(const struct ocl_identity *id, char *directory, char *path, size_t size)
{
    char name[64];
    size_t length = 0;
    for (const char *c = id->device; *c && length < sizeof name - 1; c++)
        name[length++] = isalnum((unsigned char)*c) ? *c : '-';
    name[length] = '\0';
    struct clef_hash hash =
        clef_hash_add_text(clef_hash_add_text(clef_hash_begin(), id->platform), id->device);
    if (!clef_cache_directory("tuned", directory, size))
        return false;
    int written = snprintf(path, size, "%s/%s-%08" PRIx32 ".json", directory, name,
                           (uint32_t)(hash.low & UINT32_MAX));
    return written > 0 && (size_t)written < size;
}

void ocl_tuned_free(struct ocl_tuned *tuned)
{
    if (tuned)
        free(tuned->choices);
    free(tuned);
}

const char *ocl_tuned_choice(const struct ocl_context *ocl,
                             const struct ocl_conv2d_problem *problem)
{
    char key[OCL_CONV2D_KEY_SIZE];
    if (!ocl->tuned)
        return NULL;
    ocl_conv2d_problem_key(problem, key);
    for (int i = 0; i < ocl->tuned->choice_count; i++)
        if (strcmp(ocl->tuned->choices[i].key, key) == 0)
            return ocl->tuned->choices[i].choice;
    return NULL;
}

// ---------------------------------------------------------------- loading

// The choice as the device names it; NULL if it is none of them.
static const char *find_choice(const struct ocl_context *ocl, const json_t *value)
{
    const char *name = json_string_value(value);
    const char *const *choice = ocl_conv2d_alternatives(ocl);
    while (name && *choice && strcmp(*choice, name) != 0)
        choice++;
    return name ? *choice : NULL;
}

static clef_status read_choices(const struct ocl_context *ocl, const json_t *object,
                                struct ocl_tuned *tuned)
{
    const char *key;
    const json_t *value;
    if (!json_is_object(object))
        return clef_fail(CLEF_FORMAT, "\"convolutions\" is not an object");
    tuned->choices = calloc(json_object_size(object) + 1, sizeof *tuned->choices);
    if (!tuned->choices)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for %zu choices", json_object_size(object));
    json_object_foreach((json_t *)object, key, value)
    {
        struct ocl_tuned_choice *choice = &tuned->choices[tuned->choice_count++];
        snprintf(choice->key, sizeof choice->key, "%s", key);
        choice->choice = find_choice(ocl, value);
        if (!choice->choice)
            return clef_fail(CLEF_FORMAT, "\"%s\" has no choice that this version knows", key);
    }
    return CLEF_OK;
}

static clef_status read_params(const struct ocl_caps *caps, const json_t *object,
                               enum ocl_clblast_kernel kernel, struct ocl_clblast_params *params)
{
    const char *name = ocl_clblast_kernel_name(kernel);
    const json_t *values = json_object_get(object, name);
    if (!values)
        return CLEF_OK;
    for (int i = 0; i < ocl_clblast_param_count(kernel); i++) {
        const json_t *value = json_object_get(values, ocl_clblast_param_name(kernel, i));
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return clef_fail(CLEF_FORMAT, "\"%s\" has no \"%s\"", name,
                             ocl_clblast_param_name(kernel, i));
        params->values[kernel][i] = (size_t)json_integer_value(value);
    }
    if (!ocl_clblast_is_sound(caps, kernel, params->values[kernel]))
        return clef_fail(CLEF_FORMAT, "the parameters of \"%s\" cannot work on this device", name);
    params->has[kernel] = true;
    return CLEF_OK;
}

static clef_status check_text(const json_t *root, const char *name, const char *expected)
{
    const char *text = json_string_value(json_object_get(root, name));
    if (!text)
        return clef_fail(CLEF_FORMAT, "it has no \"%s\"", name);
    if (strcmp(text, expected) != 0)
        return clef_fail(CLEF_FORMAT, "it is for %s \"%s\", but this is \"%s\"", name, text,
                         expected);
    return CLEF_OK;
}

static clef_status read_tuned(const struct ocl_context *ocl, const struct ocl_identity *id,
                              const json_t *root, struct ocl_tuned *tuned)
{
    if (json_integer_value(json_object_get(root, "format")) != FORMAT)
        return clef_fail(CLEF_FORMAT, "it is of another version of Clef, or none of its files");
    CLEF_TRY(check_text(root, "platform", id->platform));
    CLEF_TRY(check_text(root, "device", id->device));
    CLEF_TRY(check_text(root, "driver", id->driver));
    CLEF_TRY(check_text(root, "version", id->version));
    CLEF_TRY(read_choices(ocl, json_object_get(root, "convolutions"), tuned));
    const json_t *clblast = json_object_get(root, "clblast");
    for (int kernel = 0; kernel < OCL_CLBLAST_KERNELS; kernel++)
        CLEF_TRY(
            read_params(&ocl->caps, clblast, (enum ocl_clblast_kernel)kernel, &tuned->clblast));
    return CLEF_OK;
}

clef_status ocl_tuned_read(struct ocl_context *ocl, const struct ocl_identity *id, const char *path)
{
    json_t *root;
    CLEF_TRY(clef_json_load(path, MAX_FILE_BYTES, &root));
    struct ocl_tuned *tuned = calloc(1, sizeof *tuned);
    clef_status status = tuned ? read_tuned(ocl, id, root, tuned)
                               : clef_fail(CLEF_OUT_OF_MEMORY, "no memory for tuned choices");
    json_decref(root);
    if (status != CLEF_OK) {
        ocl_tuned_free(tuned);
        return clef_fail_in(status, "%s", path);
    }
    ocl->tuned = tuned;
    return CLEF_OK;
}

void ocl_tuned_load(struct ocl_context *ocl)
{
    char directory[PATH_MAX], path[PATH_MAX];
    const char *setting = getenv("CLEF_TUNED");
    struct ocl_identity id = identify(ocl);
    if ((setting && strcmp(setting, "off") == 0) || !find_file(&id, directory, path, sizeof path))
        return;
    clef_status status = ocl_tuned_read(ocl, &id, path);
    if (status != CLEF_OK && status != CLEF_NOT_FOUND)
        ocl_notice(ocl, CLEF_NOTICE_WARNING,
                   "what was tuned for this device is not used; run \"clef tune\" again (%s)",
                   clef_last_error());
}

// ---------------------------------------------------------------- saving

static json_t *params_json(const struct ocl_clblast_params *params)
{
    json_t *all = json_object();
    for (int i = 0; i < OCL_CLBLAST_KERNELS; i++) {
        enum ocl_clblast_kernel kernel = (enum ocl_clblast_kernel)i;
        if (!params->has[i])
            continue;
        json_t *values = json_object();
        for (int k = 0; k < ocl_clblast_param_count(kernel); k++)
            clef_json_set(&values, ocl_clblast_param_name(kernel, k),
                          json_integer((json_int_t)params->values[i][k]));
        clef_json_set(&all, ocl_clblast_kernel_name(kernel), values);
    }
    return all;
}

clef_status ocl_tuned_save(const struct ocl_context *ocl, const struct ocl_tuned *tuned, char *path,
                           size_t size)
{
    char directory[PATH_MAX];
    struct ocl_identity id = identify(ocl);
    if (!find_file(&id, directory, path, size < PATH_MAX ? size : PATH_MAX))
        return clef_fail(CLEF_IO, "there is no place to keep what was tuned: set HOME or "
                                  "XDG_CACHE_HOME");
    if (!clef_make_directories(directory))
        return clef_fail(CLEF_IO, "cannot make the directory \"%s\": %s", directory,
                         strerror(errno));
    json_t *choices = json_object();
    for (int i = 0; i < tuned->choice_count; i++)
        clef_json_set(&choices, tuned->choices[i].key, json_string(tuned->choices[i].choice));
    json_t *root =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:o}", "format", FORMAT, "platform", id.platform,
                  "device", id.device, "driver", id.driver, "version", id.version, "convolutions",
                  choices, "clblast", params_json(&tuned->clblast));
    if (!root)
        return clef_fail(CLEF_FORMAT, "the device's name or driver is no UTF-8 text");
    clef_status status = clef_json_save(path, root);
    json_decref(root);
    return status;
}
