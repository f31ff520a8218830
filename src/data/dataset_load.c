// SPDX-License-Identifier: Apache-2.0
// Which kind of data set a directory holds.
#include "clef/dataset.h"
#include "core/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

// The folders of each split; the first that is there is taken.
static const char *const split_folders[][3] = {
    [CLEF_SPLIT_TRAIN] = {"train"},
    [CLEF_SPLIT_TEST] = {"test", "val", "validation"},
};

// Sets DIRECTORY/FOLDER, released with free, or NULL if there is no such folder.
static clef_status find_folder(const char *directory, enum clef_split split, char **found)
{
    for (size_t i = 0; i < 3 && split_folders[split][i] != NULL; i++) {
        char *path;
        struct stat about;
        if (asprintf(&path, "%s/%s", directory, split_folders[split][i]) < 0)
            return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory for a name in %s", directory);
        if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
            *found = path;
            return CLEF_OK;
        }
        free(path);
    }
    *found = NULL;
    return CLEF_OK;
}

static clef_status has_folders(const char *directory, bool *has)
{
    char *train;
    CLEF_TRY(find_folder(directory, CLEF_SPLIT_TRAIN, &train));
    *has = train != NULL;
    free(train);
    return CLEF_OK;
}

static clef_status load_idx(const char *directory, enum clef_split split, int classes,
                            struct clef_dataset **dataset)
{
    clef_status status = clef_dataset_load_mnist(directory, split, classes, dataset);
    if (status != CLEF_NOT_FOUND)
        return status;
    return clef_fail_in(status, "%s has no folder \"train\" with pictures", directory);
}

clef_status clef_dataset_load(const char *directory, enum clef_split split, int height, int width,
                              int classes, bool mixed, struct clef_dataset **dataset)
{
    bool pictures;
    char *folder;
    CLEF_TRY(has_folders(directory, &pictures));
    if (!pictures)
        return load_idx(directory, split, classes, dataset);
    CLEF_TRY(find_folder(directory, split, &folder));
    if (folder == NULL)
        return clef_fail(CLEF_NOT_FOUND,
                         "%s holds train and neither test, val nor validation: put the pictures "
                         "of the test there, in one folder for each class",
                         directory);
    clef_status status = clef_dataset_load_folder(folder, height, width, classes, mixed, dataset);
    free(folder);
    return status;
}
