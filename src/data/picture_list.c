// SPDX-License-Identifier: Apache-2.0
#include "data/picture_list.h"

#include "core/error.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MOST_CLASSES 256 // Labels are bytes.

// Entries of a directory, sorted.
struct names {
    struct dirent **entries;
    int count;
};

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int is_picture(const struct dirent *entry)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg"};
    const char *ending = strrchr(entry->d_name, '.');
    if (!is_visible(entry) || ending == NULL)
        return 0;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(ending, endings[i]) == 0)
            return 1;
    return 0;
}

static clef_status list_names(const char *directory, int (*wanted)(const struct dirent *),
                              struct names *names)
{
    names->count = scandir(directory, &names->entries, wanted, by_bytes);
    if (names->count >= 0)
        return CLEF_OK;
    names->entries = NULL;
    names->count = 0;
    if (errno == ENOMEM)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot list %s: out of memory", directory);
    return clef_fail(errno == ENOENT ? CLEF_NOT_FOUND : CLEF_IO, "cannot list %s: %s", directory,
                     strerror(errno));
}

static void free_names(struct names *names)
{
    for (int i = 0; i < names->count; i++)
        free(names->entries[i]);
    free(names->entries);
}

static clef_status join(const char *directory, const char *name, char **path)
{
    if (asprintf(path, "%s/%s", directory, name) >= 0)
        return CLEF_OK;
    *path = NULL;
    return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory for the name of %s", name);
}

static clef_status make_room(struct clef_picture_list *list, int more)
{
    if (more > INT_MAX - list->count)
        return clef_fail(CLEF_INVALID_ARGUMENT, "a data set has at most %d pictures", INT_MAX);
    size_t count = (size_t)list->count + (size_t)more;
    char **paths = realloc(list->paths, count * sizeof *paths);
    if (paths != NULL)
        list->paths = paths;
    uint8_t *labels = realloc(list->labels, count);
    if (labels != NULL)
        list->labels = labels;
    if (paths == NULL || labels == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory for the names of %zu pictures", count);
    return CLEF_OK;
}

static clef_status add_names(struct clef_picture_list *list, const char *folder,
                             const struct names *names, int label)
{
    if (names->count == 0)
        return clef_fail(CLEF_NOT_FOUND,
                         "%s holds no .png, .jpg or .jpeg file: remove it, or put pictures of its "
                         "class there",
                         folder);
    CLEF_TRY(make_room(list, names->count));
    for (int i = 0; i < names->count; i++) {
        CLEF_TRY(join(folder, names->entries[i]->d_name, &list->paths[list->count]));
        list->labels[list->count++] = (uint8_t)label;
    }
    return CLEF_OK;
}

static clef_status add_class(struct clef_picture_list *list, const char *folder, int label)
{
    struct names names;
    clef_status status = list_names(folder, is_picture, &names);
    if (status == CLEF_OK)
        status = add_names(list, folder, &names, label);
    free_names(&names);
    return status;
}

static bool is_directory(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static clef_status add_if_class(struct clef_picture_list *list, const char *folder, int most,
                                int *classes)
{
    if (!is_directory(folder))
        return CLEF_OK;
    if (*classes == most)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "%s is the folder of one class too many: the network has %d and a data "
                         "set at most %d",
                         folder, most, MOST_CLASSES);
    return add_class(list, folder, (*classes)++);
}

static clef_status add_classes(struct clef_picture_list *list, const char *directory, int most,
                               const struct names *names)
{
    int classes = 0;
    for (int i = 0; i < names->count; i++) {
        char *folder;
        CLEF_TRY(join(directory, names->entries[i]->d_name, &folder));
        clef_status status = add_if_class(list, folder, most, &classes);
        free(folder);
        CLEF_TRY(status);
    }
    if (classes == 0)
        return clef_fail(CLEF_NOT_FOUND, "%s holds no folder: one for each class is expected",
                         directory);
    return CLEF_OK;
}

clef_status clef_picture_list_make(const char *directory, int classes,
                                   struct clef_picture_list *list)
{
    struct names names;
    *list = (struct clef_picture_list){0};
    clef_status status = list_names(directory, is_visible, &names);
    if (status == CLEF_OK)
        status =
            add_classes(list, directory, classes < MOST_CLASSES ? classes : MOST_CLASSES, &names);
    free_names(&names);
    return status;
}

void clef_picture_list_free(struct clef_picture_list *list)
{
    for (int i = 0; i < list->count; i++)
        free(list->paths[i]);
    free(list->paths);
    free(list->labels);
    *list = (struct clef_picture_list){0};
}
