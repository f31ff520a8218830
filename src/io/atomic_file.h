// SPDX-License-Identifier: Apache-2.0
// Writing a file so that it appears whole or not at all: the bytes go to PATH.tmp-XXXXXX in the
// same directory, reach the disk, and are then renamed to PATH.
#ifndef CLEF_IO_ATOMIC_FILE_H
#define CLEF_IO_ATOMIC_FILE_H

#include "clef/status.h"

#include <stddef.h>

struct clef_atomic_file;

// Creates the temporary file. The directory must exist. What PATH names, if it exists, must be a
// regular file: a device or directory is never replaced.
clef_status clef_atomic_file_create(const char *path, struct clef_atomic_file **file);

// Appends bytes. After a failure, only `abort` makes sense.
clef_status clef_atomic_file_write(struct clef_atomic_file *file, const void *bytes, size_t size);

// Overwrites bytes that were written before, at a place counted from the file's beginning.
clef_status clef_atomic_file_overwrite(struct clef_atomic_file *file, size_t place,
                                       const void *bytes, size_t size);

// Puts the file in place of PATH. Releases `file` whether or not it succeeds. If it fails before
// the rename, PATH is as it was and the temporary file is gone.
clef_status clef_atomic_file_commit(struct clef_atomic_file *file);

// Removes the temporary file, leaves PATH as it was and releases `file`. NULL is accepted. The
// last error stays as it was.
void clef_atomic_file_abort(struct clef_atomic_file *file);

// Creates, writes and commits in one call.
clef_status clef_atomic_file_save(const char *path, const void *bytes, size_t size);

// One of several files that belong together.
struct clef_file_move {
    const char *from; // Written whole before, on the file system of `to`.
    const char *to;
};

// Puts files in place of others once all are written, so that none is there without the rest: if a
// `to` exists and is no regular file nothing is moved, and if one cannot be moved those before it
// are moved back. What was replaced is beside `from` then, for the caller to remove. What has been
// moved is no more under the name `from`, so that who is killed meanwhile can move the rest. That
// the directory cannot be synchronised is a failure too, after which all are in place.
clef_status clef_files_replace(const struct clef_file_move *moves, int count);

// Gives a file a second name on the same file system, in place of what has that name. The file must
// not be changed under either name, only replaced. CLEF_IO where a file can have one name only.
clef_status clef_file_add_name(const char *path, const char *second);

// Makes the name of a file or directory durable: what is on the disk already is still found there
// after a loss of power.
clef_status clef_file_sync_name(const char *path);

// CLEF_IO if a path exists and is not a regular file, which must not be replaced.
clef_status clef_file_check_replaceable(const char *path);

#endif
