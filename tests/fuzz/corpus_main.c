// SPDX-License-Identifier: Apache-2.0
// Takes libFuzzer's place where it is not there: reads each file of a directory once.
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_BYTES ((size_t)1 << 20)

static void try_file(const char *path, uint8_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fuzz_fail("cannot open %s", path);
    size_t size = fread(bytes, 1, MAX_FILE_BYTES, file);
    if (ferror(file) || size == MAX_FILE_BYTES)
        fuzz_fail("cannot read %s, or it is larger than a seed should be", path);
    fclose(file);
    // In memory of exactly this size, so that a sanitizer sees who reads beyond it.
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (!exact)
        fuzz_fail("no memory for %s", path);
    memcpy(exact, bytes, size);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

int main(int argc, char **argv)
{
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    uint8_t *bytes = malloc(MAX_FILE_BYTES);
    if (!directory || !bytes)
        fuzz_fail("usage: %s DIRECTORY", argv[0]);
    int count = 0;
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        try_file(path, bytes);
        count++;
    }
    closedir(directory);
    free(bytes);
    if (count == 0)
        fuzz_fail("%s has no files", argv[1]);
    printf("%d files\n", count);
    return EXIT_SUCCESS;
}
