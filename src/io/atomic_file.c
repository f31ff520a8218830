// SPDX-License-Identifier: Apache-2.0
#include "io/atomic_file.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".tmp-XXXXXX"
#define SUFFIX_RANDOM 6
#define CREATE_ATTEMPTS 100

// Behind the name of a file that waits: what it replaces.
#define OLD ".old"
enum { OLD_PATH_SIZE = PATH_MAX + sizeof OLD };

struct clef_atomic_file {
    int fd;
    char *path;
    char *temporary_path;
};

static clef_status fail_write(const char *path, int error)
{
    return clef_fail(error == ENOENT ? CLEF_NOT_FOUND : CLEF_IO, "cannot write %s: %s", path,
                     strerror(error));
}

static void release(struct clef_atomic_file *file)
{
    free(file->path);
    free(file->temporary_path);
    free(file);
}

// Fills the last characters of the temporary name. They need only differ between processes and
// calls; O_EXCL settles the rest.
static void choose_suffix(char *random_part)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static atomic_uint calls;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t bits = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30 ^ (uint64_t)getpid() << 16;
    bits += atomic_fetch_add(&calls, 1);
    bits *= UINT64_C(0x9E3779B97F4A7C15); // Spreads the differences over the upper bits.
    for (int i = 0; i < SUFFIX_RANDOM; i++) {
        random_part[i] = letters[(bits >> 32) % (sizeof letters - 1)];
        bits = (bits >> 5) * UINT64_C(0x9E3779B97F4A7C15);
    }
}

// mkstemp would do but for the permissions: it gives 0600 where a new file should follow the umask.
static int open_temporary(char *temporary_path)
{
    char *random_part = temporary_path + strlen(temporary_path) - SUFFIX_RANDOM;
    for (int attempt = 0; attempt < CREATE_ATTEMPTS; attempt++) {
        choose_suffix(random_part);
        int fd = open(temporary_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || (errno != EEXIST && errno != EINTR))
            return fd;
    }
    return -1;
}

clef_status clef_file_check_replaceable(const char *path)
{
    struct stat existing;
    if (stat(path, &existing) == 0 && !S_ISREG(existing.st_mode))
        return clef_fail(CLEF_IO, "cannot write %s: it exists and is not a regular file", path);
    return CLEF_OK;
}

clef_status clef_atomic_file_create(const char *path, struct clef_atomic_file **out)
{
    CLEF_TRY(clef_file_check_replaceable(path));
    struct clef_atomic_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot write %s: out of memory", path);
    size_t room = strlen(path) + sizeof SUFFIX;
    file->path = strdup(path);
    file->temporary_path = malloc(room);
    if (file->path == NULL || file->temporary_path == NULL) {
        release(file);
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot write %s: out of memory", path);
    }
    snprintf(file->temporary_path, room, "%s" SUFFIX, path);
    file->fd = open_temporary(file->temporary_path);
    if (file->fd < 0) {
        clef_status status = fail_write(path, errno);
        release(file);
        return status;
    }
    *out = file;
    return CLEF_OK;
}

clef_status clef_atomic_file_write(struct clef_atomic_file *file, const void *bytes, size_t size)
{
    const char *next = bytes;
    while (size > 0) {
        ssize_t written = write(file->fd, next, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_write(file->path, errno);
        next += written;
        size -= (size_t)written;
    }
    return CLEF_OK;
}

clef_status clef_atomic_file_overwrite(struct clef_atomic_file *file, size_t place,
                                       const void *bytes, size_t size)
{
    if (lseek(file->fd, (off_t)place, SEEK_SET) < 0)
        return fail_write(file->path, errno);
    CLEF_TRY(clef_atomic_file_write(file, bytes, size));
    return lseek(file->fd, 0, SEEK_END) < 0 ? fail_write(file->path, errno) : CLEF_OK;
}

static int sync_file(int fd)
{
    while (fsync(fd) != 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

// Makes the new name durable; allocates nothing, since the file is in place already. Some file
// systems have nothing to do for a directory and say EINVAL.
static int sync_directory_of(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
    snprintf(directory, sizeof directory, "%.*s", length, slash == NULL ? "." : path);
    int fd;
    do
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    // A directory may allow new files but not reading; then the name cannot be synchronised.
    if (fd < 0)
        return errno == EACCES ? 0 : errno;
    int error = sync_file(fd);
    close(fd);
    return error == EINVAL ? 0 : error;
}

static clef_status make_durable(const char *path)
{
    int error = sync_directory_of(path);
    if (error == 0)
        return CLEF_OK;
    return clef_fail(error == ENOENT ? CLEF_NOT_FOUND : CLEF_IO,
                     "%s is written, but may be lost if the power fails: %s", path,
                     strerror(error));
}

clef_status clef_atomic_file_commit(struct clef_atomic_file *file)
{
    int error = sync_file(file->fd);
    if (close(file->fd) != 0 && errno != EINTR && error == 0)
        error = errno;
    if (error == 0 && rename(file->temporary_path, file->path) != 0)
        error = errno;
    if (error != 0)
        unlink(file->temporary_path);
    clef_status status = error == 0 ? make_durable(file->path) : fail_write(file->path, error);
    release(file);
    return status;
}

void clef_atomic_file_abort(struct clef_atomic_file *file)
{
    if (file == NULL)
        return;
    close(file->fd);
    unlink(file->temporary_path);
    release(file);
}

clef_status clef_atomic_file_save(const char *path, const void *bytes, size_t size)
{
    struct clef_atomic_file *file;
    CLEF_TRY(clef_atomic_file_create(path, &file));
    clef_status status = clef_atomic_file_write(file, bytes, size);
    if (status != CLEF_OK) {
        clef_atomic_file_abort(file);
        return status;
    }
    return clef_atomic_file_commit(file);
}

static void name_old(const struct clef_file_move *move, char path[OLD_PATH_SIZE])
{
    snprintf(path, OLD_PATH_SIZE, "%s" OLD, move->from);
}

// Gives what is to be replaced a second name. Not if there is nothing, or where a file can have one
// name only; nor if it has it from a run that was killed here.
static bool keep_old(const struct clef_file_move *move)
{
    char old[OLD_PATH_SIZE];
    name_old(move, old);
    return link(move->to, old) == 0 || errno == ENOENT || errno == EEXIST || errno == EPERM ||
           errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK;
}

static void take_back(const struct clef_file_move *move)
{
    char old[OLD_PATH_SIZE];
    name_old(move, old);
    if (link(move->to, move->from) != 0)
        (void)rename(move->to, move->from); // It had replaced nothing that could be kept.
    else if (rename(old, move->to) != 0)
        unlink(move->to);
}

clef_status clef_files_replace(const struct clef_file_move *moves, int count)
{
    for (int i = 0; i < count; i++)
        CLEF_TRY(clef_file_check_replaceable(moves[i].to));
    for (int i = 0; i < count; i++)
        if (!keep_old(&moves[i]))
            return fail_write(moves[i].to, errno);
    for (int i = 0; i < count; i++) {
        if (rename(moves[i].from, moves[i].to) == 0)
            continue;
        clef_status status = fail_write(moves[i].to, errno);
        while (--i >= 0)
            take_back(&moves[i]);
        return status;
    }
    for (int i = 0; i < count; i++)
        CLEF_TRY(make_durable(moves[i].to));
    return CLEF_OK;
}

clef_status clef_file_add_name(const char *path, const char *second)
{
    CLEF_TRY(clef_file_check_replaceable(second));
    size_t room = strlen(second) + sizeof SUFFIX;
    char *temporary_path = malloc(room);
    if (temporary_path == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot write %s: out of memory", second);
    snprintf(temporary_path, room, "%s" SUFFIX, second);
    choose_suffix(temporary_path + room - 1 - SUFFIX_RANDOM);
    int error = link(path, temporary_path) == 0 ? 0 : errno;
    if (error == 0 && rename(temporary_path, second) != 0)
        error = errno;
    // Of two names of one file, rename leaves both (POSIX).
    unlink(temporary_path);
    free(temporary_path);
    return error == 0 ? make_durable(second) : fail_write(second, error);
}

clef_status clef_file_sync_name(const char *path)
{
    return make_durable(path);
}
