// SPDX-License-Identifier: Apache-2.0
#include "cli/run_directory.h"

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/json_file.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Of the directory in which files wait for each other.
#define STAGING ".saving-"
#define COMPLETE ".complete" // Behind its name once all files are whole.

// Far more than the summary of a million epochs has.
#define MAX_SUMMARY ((size_t)1 << 30)

// The names that are tried where other runs of the same second have taken the first ones.
enum { MAX_ATTEMPTS = 1000 };

// What a run leaves. The summary comes last: where it is, the others are.
enum { MODEL, HISTORY, SUMMARY, FILES };
static const char *const names[FILES] = {"model.safetensors", "history.csv", "summary.json"};

static clef_status join(const char *directory, const char *name, char *path, size_t size)
{
    int length = snprintf(path, size, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= size)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the name of the directory is too long: \"%.64s...\"", directory);
    return CLEF_OK;
}

// Makes one directory; false leaves the reason in errno.
static bool make_new(struct run_directory *directory, const char *path, size_t length)
{
    if (mkdir(path, 0777) != 0)
        return false;
    if (directory->created_from == 0)
        directory->created_from = length;
    return true;
}

static clef_status make_directory(struct run_directory *directory, const char *path, size_t length)
{
    if (make_new(directory, path, length))
        return CLEF_OK;
    // Some file systems say EROFS, not EEXIST, of a directory that exists.
    int error = errno;
    struct stat status;
    if (stat(path, &status) != 0)
        return clef_fail(CLEF_IO, "cannot create the directory \"%s\": %s", path, strerror(error));
    if (!S_ISDIR(status.st_mode))
        return clef_fail(CLEF_IO, "cannot create the directory \"%s\": a file has this name", path);
    return CLEF_OK;
}

// Creates each parent in turn, but not the directory itself.
static clef_status make_parents(struct run_directory *directory)
{
    char *path = directory->path;
    for (size_t i = 1; path[i] != '\0'; i++) {
        if (path[i] != '/' || path[i - 1] == '/')
            continue;
        path[i] = '\0';
        clef_status status = make_directory(directory, path, i);
        path[i] = '/';
        CLEF_TRY(status);
    }
    return CLEF_OK;
}

// Makes runs/DATE-TIME, or the first of runs/DATE-TIME-2, -3, ... that does not exist. A look
// before would not do: another run of the same second may come between it and the making.
static clef_status make_default(struct run_directory *directory)
{
    char date[32];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(date, sizeof date, "%Y%m%d-%H%M%S", &local);
    snprintf(directory->path, sizeof directory->path, "runs/%s", date);
    CLEF_TRY(make_parents(directory));
    for (int i = 2; !make_new(directory, directory->path, strlen(directory->path)); i++) {
        if (errno != EEXIST)
            return clef_fail(CLEF_IO, "cannot create the directory \"%s\": %s", directory->path,
                             strerror(errno));
        if (i > MAX_ATTEMPTS)
            return clef_fail(CLEF_IO,
                             "\"%s\" and the names before it exist: name a directory with --out",
                             directory->path);
        snprintf(directory->path, sizeof directory->path, "runs/%s-%d", date, i);
    }
    return CLEF_OK;
}

static clef_status make_given(struct run_directory *directory, const char *path)
{
    if ((size_t)snprintf(directory->path, sizeof directory->path, "%s", path) >=
        sizeof directory->path)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the name of the directory is too long: \"%.64s...\"", path);
    CLEF_TRY(make_parents(directory));
    return make_directory(directory, directory->path, strlen(directory->path));
}

// Says by its name that all files of the staging directory are whole.
static clef_status mark_complete(struct run_directory *directory)
{
    char path[sizeof directory->staging];
    if (snprintf(path, sizeof path, "%s" COMPLETE, directory->staging) >= (int)sizeof path)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the name of the directory is too long: \"%.64s...\"", path);
    if (rename(directory->staging, path) != 0)
        return clef_fail(CLEF_IO, "cannot rename \"%s\": %s", directory->staging, strerror(errno));
    memcpy(directory->staging, path, sizeof path);
    return clef_file_sync_name(path);
}

static bool is_complete(const struct run_directory *directory)
{
    size_t length = strlen(directory->staging), end = strlen(COMPLETE);
    return length > end && strcmp(directory->staging + length - end, COMPLETE) == 0;
}

// Before the first file is removed, or those that are left would seem to be whole.
static void unmark(struct run_directory *directory)
{
    char path[sizeof directory->staging];
    if (!is_complete(directory))
        return;
    int length = (int)(strlen(directory->staging) - strlen(COMPLETE));
    snprintf(path, sizeof path, "%.*s", length, directory->staging);
    if (rename(directory->staging, path) == 0)
        memcpy(directory->staging, path, sizeof path);
}

// Moves files to where they belong: all, or those that still wait.
static clef_status put_in_place(const struct run_directory *directory, bool all)
{
    char from[FILES][sizeof directory->staging], to[FILES][sizeof directory->path];
    struct clef_file_move moves[FILES];
    int count = 0;
    for (int i = 0; i < FILES; i++) {
        CLEF_TRY(join(directory->staging, names[i], from[i], sizeof from[i]));
        CLEF_TRY(join(directory->path, names[i], to[i], sizeof to[i]));
        if (all || access(from[i], F_OK) == 0)
            moves[count++] = (struct clef_file_move){from[i], to[i]};
    }
    return clef_files_replace(moves, count);
}

// Opens the directory of the files that wait before any is in it, since removing them must need no
// memory.
static clef_status open_staging(struct run_directory *directory)
{
    directory->waiting = opendir(directory->staging);
    if (directory->waiting == NULL)
        return clef_fail(CLEF_IO, "cannot read the directory \"%s\": %s", directory->staging,
                         strerror(errno));
    return CLEF_OK;
}

// Removes what is left of the directory of the files that wait, half-written ones of a killed run
// included, and is silent: it follows a failure.
static void remove_staging(struct run_directory *directory)
{
    if (directory->waiting == NULL)
        return;
    unmark(directory);
    rewinddir(directory->waiting);
    for (const struct dirent *entry; (entry = readdir(directory->waiting)) != NULL;)
        unlinkat(dirfd(directory->waiting), entry->d_name, 0);
    closedir(directory->waiting);
    directory->waiting = NULL;
    rmdir(directory->staging);
}

// Permission bits do not tell the whole truth (a read-only mount, root), so all is really made that
// saving will make first, with the longest name.
static clef_status probe(struct run_directory *directory)
{
    char path[sizeof directory->path];
    struct clef_atomic_file *file;
    CLEF_TRY(run_directory_begin(directory));
    CLEF_TRY(join(directory->staging, names[MODEL], path, sizeof path));
    CLEF_TRY(clef_atomic_file_create(path, &file));
    clef_atomic_file_abort(file);
    remove_staging(directory);
    for (int i = 0; i < FILES; i++) {
        CLEF_TRY(join(directory->path, names[i], path, sizeof path));
        CLEF_TRY(clef_file_check_replaceable(path));
    }
    return CLEF_OK;
}

clef_status run_directory_create(struct run_directory *directory, const char *path)
{
    memset(directory, 0, sizeof *directory);
    clef_status status = path == NULL ? make_default(directory) : make_given(directory, path);
    if (status == CLEF_OK)
        status = probe(directory);
    if (status != CLEF_OK)
        run_directory_abandon(directory);
    return status;
}

static clef_status take_up(struct run_directory *left)
{
    CLEF_TRY(open_staging(left));
    clef_status status = is_complete(left) ? put_in_place(left, false) : CLEF_OK;
    if (status == CLEF_OK)
        remove_staging(left);
    else
        closedir(left->waiting);
    return status;
}

clef_status run_directory_clean(const char *path)
{
    struct run_directory left = {0};
    clef_status status = CLEF_OK;
    if ((size_t)snprintf(left.path, sizeof left.path, "%s", path) >= sizeof left.path)
        return CLEF_OK; // Nobody can have left anything there.
    DIR *stream = opendir(path);
    for (struct dirent *entry;
         status == CLEF_OK && stream != NULL && (entry = readdir(stream)) != NULL;) {
        if (strncmp(entry->d_name, STAGING, strlen(STAGING)) != 0 ||
            join(path, entry->d_name, left.staging, sizeof left.staging) != CLEF_OK)
            continue;
        status = take_up(&left);
    }
    if (stream != NULL)
        closedir(stream);
    return status;
}

clef_status run_directory_is_finished(const char *path, int epochs, bool *finished)
{
    char summary_path[sizeof((struct run_directory *)0)->path];
    json_t *summary = NULL;
    *finished = false;
    CLEF_TRY(join(path, names[SUMMARY], summary_path, sizeof summary_path));
    clef_status status = clef_json_load(summary_path, MAX_SUMMARY, &summary);
    if (status == CLEF_NOT_FOUND || status == CLEF_FORMAT)
        return CLEF_OK; // It will be written, once more perhaps.
    CLEF_TRY(status);
    *finished = json_is_object(json_object_get(summary, "test")) &&
                json_array_size(json_object_get(summary, "epochs")) == (size_t)epochs;
    json_decref(summary);
    return CLEF_OK;
}

void run_directory_abandon(struct run_directory *directory)
{
    char path[sizeof directory->path];
    remove_staging(directory);
    memcpy(path, directory->path, sizeof path);
    if (directory->created_from == 0)
        return;
    // A directory that is not empty stays, and with it its parents.
    for (size_t length = strlen(path); length >= directory->created_from; length--) {
        if (path[length] != '\0' && path[length] != '/')
            continue;
        path[length] = '\0';
        if (rmdir(path) != 0 && errno != ENOENT)
            break;
    }
    directory->created_from = 0;
}

clef_status run_directory_make_again(struct run_directory *directory)
{
    CLEF_TRY(make_parents(directory));
    return make_directory(directory, directory->path, strlen(directory->path));
}

clef_status run_directory_begin(struct run_directory *directory)
{
    char path[sizeof directory->staging];
    CLEF_TRY(join(directory->path, STAGING "XXXXXX", path, sizeof path));
    char *made = mkdtemp(path);
    if (made == NULL && errno == ENOENT) { // It was removed meanwhile, which is no reason to fail.
        CLEF_TRY(run_directory_make_again(directory));
        CLEF_TRY(join(directory->path, STAGING "XXXXXX", path, sizeof path));
        made = mkdtemp(path);
    }
    if (made == NULL)
        return clef_fail(CLEF_IO, "cannot write into the directory \"%s\": %s", directory->path,
                         strerror(errno));
    memcpy(directory->staging, path, sizeof path);
    clef_status status = open_staging(directory);
    if (status != CLEF_OK)
        rmdir(path);
    return status;
}

clef_status run_directory_commit(struct run_directory *directory)
{
    CLEF_TRY(mark_complete(directory));
    CLEF_TRY(put_in_place(directory, true));
    remove_staging(directory);
    return CLEF_OK;
}

clef_status run_directory_save_model(const struct run_directory *directory,
                                     struct clef_model *model, int batch_size)
{
    char path[sizeof directory->staging];
    CLEF_TRY(join(directory->staging, names[MODEL], path, sizeof path));
    return clef_model_save(model, batch_size, path);
}

// One line of the history; a figure that does not exist is an empty field.
static clef_status write_epoch(struct clef_atomic_file *file, int number,
                               const struct clef_epoch *epoch)
{
    const double figures[] = {epoch->loss, epoch->accuracy, epoch->val_loss, epoch->val_accuracy,
                              epoch->seconds};
    char line[256];
    int length = snprintf(line, sizeof line, "%d", number);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        line[length++] = ',';
        if (!isnan(figures[i]))
            length += snprintf(line + length, sizeof line - (size_t)length, "%.17g", figures[i]);
    }
    line[length++] = '\n';
    return clef_atomic_file_write(file, line, (size_t)length);
}

clef_status run_directory_save_history(const struct run_directory *directory,
                                       const struct clef_epoch *epochs, int count)
{
    static const char header[] = "epoch,loss,accuracy,val_loss,val_accuracy,seconds\n";
    char path[sizeof directory->staging];
    struct clef_atomic_file *file;
    CLEF_TRY(join(directory->staging, names[HISTORY], path, sizeof path));
    CLEF_TRY(clef_atomic_file_create(path, &file));
    clef_status status = clef_atomic_file_write(file, header, sizeof header - 1);
    for (int i = 0; status == CLEF_OK && i < count; i++)
        status = write_epoch(file, i + 1, &epochs[i]);
    if (status != CLEF_OK) {
        clef_atomic_file_abort(file);
        return status;
    }
    return clef_atomic_file_commit(file);
}

clef_status run_directory_save_summary(const struct run_directory *directory, const json_t *summary)
{
    char path[sizeof directory->staging];
    CLEF_TRY(join(directory->staging, names[SUMMARY], path, sizeof path));
    return clef_json_save(path, summary);
}
