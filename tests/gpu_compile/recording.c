// SPDX-License-Identifier: Apache-2.0
#include "gpu_compile/recording.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

// Opens NAME in the directory of the record; without one there is nothing to do here.
static FILE *open_in_record(const char *name, const char *mode)
{
    const char *directory = getenv("CLEF_RECORD");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory ? directory : "", name);
    FILE *file = directory ? fopen(path, mode) : NULL;
    if (!file) {
        fprintf(stderr, "cannot write %s: CLEF_RECORD must name a directory\n", path);
        exit(EXIT_FAILURE);
    }
    return file;
}

// True if the line is new; then it is remembered.
static bool is_new(const char *line)
{
    static char *lines[4096];
    static size_t count;
    for (size_t i = 0; i < count; i++)
        if (strcmp(lines[i], line) == 0)
            return false;
    if (count < sizeof lines / sizeof lines[0])
        lines[count++] = strdup(line);
    return true;
}

void record_line(const char *format, ...)
{
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&mutex);
    if (is_new(line)) {
        FILE *file = open_in_record("record", "a");
        fprintf(file, "%s\n", line);
        fclose(file);
    }
    pthread_mutex_unlock(&mutex);
}

static atomic_ulong launches;

void count_launch(void)
{
    launches++;
}

__attribute__((destructor)) static void record_launches(void)
{
    if (launches == 0)
        return;
    FILE *file = open_in_record("launches", "w");
    fprintf(file, "%lu\n", (unsigned long)launches);
    fclose(file);
}

void record_source(const char *text, char name[17])
{
    uint64_t hash = 0xcbf29ce484222325; // FNV-1a.
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
    snprintf(name, 17, "%016llx", (unsigned long long)hash);
    char file_name[32];
    snprintf(file_name, sizeof file_name, "%s.cl", name);
    FILE *file = open_in_record(file_name, "w");
    fputs(text, file);
    fclose(file);
}

cl_int give(const void *value, size_t bytes, size_t size, void *result, size_t *needed)
{
    if (needed)
        *needed = bytes;
    if (result && size < bytes)
        return CL_INVALID_VALUE;
    if (result)
        memcpy(result, value, bytes);
    return CL_SUCCESS;
}
