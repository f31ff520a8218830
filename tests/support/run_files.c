// SPDX-License-Identifier: Apache-2.0
#include "support/run_files.h"

#include "support/temp_directory.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

json_t *load_json(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        fail_msg("%s: %s", path, error.text);
    return root;
}

double real_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        fail_msg("\"%s\" is not a number", key);
    return json_number_value(value);
}

void check_summary(const json_t *summary, int epochs)
{
    const json_t *device = json_object_get(summary, "device");
    assert_true(json_is_string(json_object_get(summary, "clef")));
    assert_string_equal("cpu", json_string_value(json_object_get(device, "backend")));
    assert_true(json_string_length(json_object_get(device, "name")) > 0);
    assert_true(json_string_length(json_object_get(device, "driver")) > 0);
    assert_true(json_is_object(json_object_get(summary, "config")));
    assert_int_equal(epochs, json_array_size(json_object_get(summary, "epochs")));
    assert_true(real_of(summary, "fit_seconds") > 0);
    assert_true(real_of(summary, "images_per_second") > 0);
    assert_true(real_of(summary, "peak_rss_bytes") > 1 << 20);
}

void check_history(const char *path, const json_t *summary)
{
    static const char *const keys[] = {"loss", "accuracy", "val_loss", "val_accuracy", "seconds"};
    const json_t *epochs = json_object_get(summary, "epochs");
    static char expected[1 << 18];
    strcpy(expected, "epoch,loss,accuracy,val_loss,val_accuracy,seconds\n");
    for (size_t i = 0; i < json_array_size(epochs); i++) {
        size_t length = strlen(expected);
        length += (size_t)snprintf(expected + length, sizeof expected - length, "%zu", i + 1);
        for (int k = 0; k < 5; k++) {
            const json_t *figure = json_object_get(json_array_get(epochs, i), keys[k]);
            length +=
                (size_t)snprintf(expected + length, sizeof expected - length,
                                 json_is_null(figure) ? "," : ",%.17g", json_number_value(figure));
        }
        snprintf(expected + length, sizeof expected - length, "\n");
        assert_true(length + 512 < sizeof expected);
    }
    size_t size;
    char *history = read_file(path, &size);
    assert_int_equal(strlen(expected), size);
    assert_memory_equal(expected, history, size);
    free(history);
}

bool forget_checkpoints(const char *out)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/checkpoints", out);
    DIR *stream = opendir(path);
    if (stream == NULL)
        return false;
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        if (entry->d_name[0] != '.')
            assert_int_equal(0, unlinkat(dirfd(stream), entry->d_name, 0));
    closedir(stream);
    assert_int_equal(0, rmdir(path));
    return true;
}
