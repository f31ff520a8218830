// SPDX-License-Identifier: Apache-2.0
#include "cli/checkpoint_directory.h"

#include "core/error.h"
#include "io/atomic_file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "checkpoints"
#define BEST "best.safetensors"
#define PREFIX "step-"
#define SUFFIX ".safetensors"
#define UNFINISHED SUFFIX ".tmp-" // In the name of a file that is being written.

// Of the path of a file in the directory.
enum { PATH_SIZE = sizeof((struct checkpoint_directory *)0)->path };

static clef_status join(const char *directory, const char *name, char path[PATH_SIZE])
{
    if (snprintf(path, PATH_SIZE, "%s/%s", directory, name) >= PATH_SIZE)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the name of the directory is too long: \"%.64s...\"", directory);
    return CLEF_OK;
}

static clef_status join_number(const struct checkpoint_directory *directory, int64_t number,
                               char path[PATH_SIZE])
{
    char name[64];
    snprintf(name, sizeof name, PREFIX "%07" PRId64 SUFFIX, number);
    return join(directory->path, name, path);
}

// The number in a checkpoint's name, or -1 if it is none.
static int64_t parse_name(const char *name)
{
    size_t digits = strncmp(name, PREFIX, strlen(PREFIX)) == 0
                        ? strspn(name + strlen(PREFIX), "0123456789")
                        : 0;
    if (digits == 0 || digits > 18 || strcmp(name + strlen(PREFIX) + digits, SUFFIX) != 0)
        return -1;
    return strtoll(name + strlen(PREFIX), NULL, 10);
}

// ---------------------------------------------------------------- listing

struct list {
    int64_t *numbers; // Descending.
    size_t count;
};

static int compare_descending(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return (*a < *b) - (*a > *b);
}

static clef_status add(struct list *list, int64_t number)
{
    int64_t *larger = realloc(list->numbers, (list->count + 1) * sizeof *larger);
    if (larger == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a list of files");
    list->numbers = larger;
    list->numbers[list->count++] = number;
    return CLEF_OK;
}

// Lists the checkpoints; a directory that does not exist has none. Removes what is unfinished, if
// asked to.
static clef_status read_list(const struct checkpoint_directory *directory, bool clean,
                             struct list *list)
{
    *list = (struct list){0};
    DIR *stream = opendir(directory->path);
    if (stream == NULL)
        return errno == ENOENT ? CLEF_OK
                               : clef_fail(CLEF_IO, "cannot read the directory \"%s\": %s",
                                           directory->path, strerror(errno));
    clef_status status = CLEF_OK;
    for (struct dirent *entry; status == CLEF_OK && (entry = readdir(stream)) != NULL;) {
        int64_t number = parse_name(entry->d_name);
        if (number >= 0)
            status = add(list, number);
        else if (clean && strstr(entry->d_name, UNFINISHED) != NULL)
            unlinkat(dirfd(stream), entry->d_name, 0);
    }
    closedir(stream);
    if (status != CLEF_OK) {
        free(list->numbers);
        return status;
    }
    if (list->count > 0)
        qsort(list->numbers, list->count, sizeof *list->numbers, compare_descending);
    return CLEF_OK;
}

// ---------------------------------------------------------------- a new run, or an old one

clef_status checkpoint_directory_open(struct checkpoint_directory *directory, const char *run)
{
    struct list list;
    directory->last = -1;
    CLEF_TRY(join(run, NAME, directory->path));
    CLEF_TRY(read_list(directory, false, &list));
    free(list.numbers);
    if (list.count > 0)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "\"%s\" holds the checkpoints of an earlier run: go on with it by "
                         "--resume \"%s\", or name another directory by --out",
                         run, run);
    return CLEF_OK;
}

// Removes those of a list from its entry `first` on, but for two. What cannot be removed does no
// harm, and is tried again the next time.
static void remove_others(const struct checkpoint_directory *directory, const struct list *list,
                          size_t first, int64_t newest, int64_t before)
{
    char path[PATH_SIZE];
    for (size_t i = first; i < list->count; i++) {
        int64_t number = list->numbers[i];
        if (number != newest && number != before && join_number(directory, number, path) == CLEF_OK)
            unlink(path);
    }
}

static clef_status read_newest(struct checkpoint_directory *directory, const struct list *list,
                               void (*damaged)(void), char *path,
                               struct clef_checkpoint **checkpoint)
{
    for (size_t i = 0; i < list->count; i++) {
        CLEF_TRY(join_number(directory, list->numbers[i], path));
        clef_status status = clef_checkpoint_read(path, checkpoint);
        if (status == CLEF_OK) {
            directory->last = list->numbers[i];
            // Those that a killed run had no time for.
            remove_others(directory, list, i, directory->last,
                          i + 1 < list->count ? list->numbers[i + 1] : -1);
        }
        if (status == CLEF_OK || status == CLEF_OUT_OF_MEMORY) // Which is no fault of the file.
            return status;
        damaged();
    }
    if (list->count > 0)
        return clef_fail(CLEF_NOT_FOUND,
                         "cannot resume: none of the %zu checkpoints in \"%s\" can be used",
                         list->count, directory->path);
    return clef_fail(CLEF_NOT_FOUND,
                     "cannot resume: there is no checkpoint in \"%s\"; name the directory of a run "
                     "that has made one",
                     directory->path);
}

clef_status checkpoint_directory_resume(struct checkpoint_directory *directory, const char *run,
                                        void (*damaged)(void), char *path,
                                        struct clef_checkpoint **checkpoint)
{
    struct list list;
    directory->last = -1;
    CLEF_TRY(join(run, NAME, directory->path));
    CLEF_TRY(read_list(directory, true, &list));
    clef_status status = read_newest(directory, &list, damaged, path, checkpoint);
    free(list.numbers);
    return status;
}

// ---------------------------------------------------------------- saving

static clef_status make_directory(const struct checkpoint_directory *directory)
{
    if (mkdir(directory->path, 0777) == 0)
        return clef_file_sync_name(directory->path);
    return errno == EEXIST ? CLEF_OK
                           : clef_fail(errno == ENOENT ? CLEF_NOT_FOUND : CLEF_IO,
                                       "cannot create the directory \"%s\": %s", directory->path,
                                       strerror(errno));
}

// The best is written first: a run that is killed between the two goes on before this epoch's end,
// and makes both again. The second name costs nothing; where there can be none the file is written
// twice.
static clef_status write_files(const struct checkpoint_directory *directory,
                               struct clef_model *model, const struct clef_checkpoint *checkpoint,
                               bool best, const char *path)
{
    char best_path[PATH_SIZE];
    if (best) {
        CLEF_TRY(join(directory->path, BEST, best_path));
        CLEF_TRY(clef_checkpoint_save(model, checkpoint, best_path));
        if (clef_file_add_name(best_path, path) == CLEF_OK)
            return CLEF_OK;
    }
    return clef_checkpoint_save(model, checkpoint, path);
}

clef_status checkpoint_directory_save(struct checkpoint_directory *directory,
                                      struct clef_model *model,
                                      const struct clef_checkpoint *checkpoint, bool best)
{
    char path[PATH_SIZE];
    struct list list;
    int64_t number = (int64_t)clef_model_get_step(model);
    CLEF_TRY(make_directory(directory));
    CLEF_TRY(join_number(directory, number, path));
    CLEF_TRY(write_files(directory, model, checkpoint, best, path));
    // After the last step of an epoch a checkpoint may take the place of one before validation.
    if (number == directory->last)
        return CLEF_OK;
    if (read_list(directory, false, &list) == CLEF_OK) {
        remove_others(directory, &list, 0, number, directory->last);
        free(list.numbers);
    }
    directory->last = number;
    return CLEF_OK;
}

void checkpoint_directory_abandon(const struct checkpoint_directory *directory)
{
    if (directory->path[0] != '\0')
        rmdir(directory->path);
}
