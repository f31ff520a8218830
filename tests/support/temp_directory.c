// SPDX-License-Identifier: Apache-2.0
#include "support/temp_directory.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define PATHS 4
#define PATH_SIZE 512
#define OPEN_DIRECTORIES 8

int temp_directory_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path = malloc(PATH_SIZE);
    if (path == NULL)
        return -1;
    int length = snprintf(path, PATH_SIZE, "%s/clef-test-XXXXXX", base ? base : "/tmp");
    if (length >= PATH_SIZE || mkdtemp(path) == NULL) {
        free(path);
        return -1;
    }
    *state = path;
    return 0;
}

static int remove_entry(const char *path, const struct stat *information, int type, struct FTW *ftw)
{
    (void)information;
    (void)type;
    (void)ftw;
    return remove(path);
}

int temp_directory_teardown(void **state)
{
    int failed = nftw(*state, remove_entry, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return failed;
}

const char *temp_path(void *const *state, const char *name)
{
    static char paths[PATHS][PATH_SIZE];
    static int next;
    char *path = paths[next++ % PATHS];
    int length = snprintf(path, PATH_SIZE, "%s/%s", (const char *)*state, name);
    assert_in_range(length, 1, PATH_SIZE - 1);
    return path;
}

void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    if (size > 0)
        assert_int_equal(size, fwrite(bytes, 1, size, stream));
    assert_int_equal(0, fclose(stream));
}

void write_gzip_file(const char *path, const void *bytes, size_t size)
{
    gzFile stream = gzopen(path, "wb");
    assert_non_null(stream);
    if (size > 0)
        assert_int_equal((int)size, gzwrite(stream, bytes, (unsigned)size));
    assert_int_equal(Z_OK, gzclose(stream));
}

char *read_file(const char *path, size_t *size)
{
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    assert_int_equal(0, fseek(stream, 0, SEEK_END));
    long length = ftell(stream);
    assert_true(length >= 0);
    rewind(stream);
    char *bytes = malloc((size_t)length + 1);
    assert_non_null(bytes);
    assert_int_equal(length, fread(bytes, 1, (size_t)length, stream));
    bytes[length] = '\0';
    fclose(stream);
    *size = (size_t)length;
    return bytes;
}

int count_entries(const char *directory)
{
    DIR *stream = opendir(directory);
    assert_non_null(stream);
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(stream);
    return count;
}

void check_failure(clef_status status, clef_status expected, const char *name, const char *reason)
{
    const char *message = clef_last_error();
    if (status != expected)
        fail_msg("expected %s, found %s (last error: %s)", clef_status_name(expected),
                 clef_status_name(status), message);
    if (strstr(message, name) == NULL || strstr(message, reason) == NULL)
        fail_msg("expected a message with \"%s\" and \"%s\", found: %s", name, reason, message);
    if (strchr(message, '\n') != NULL)
        fail_msg("expected one line, found: %s", message);
}

void check_ok(clef_status status)
{
    if (status != CLEF_OK)
        fail_msg("expected success, found %s: %s", clef_status_name(status), clef_last_error());
}
