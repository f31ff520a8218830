// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_cache.h"
#include "io/atomic_file.h"
#include "io/cache_directory.h"
#include "opencl/ocl_device.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// Begins every file; another number after a change of the format.
#define MAGIC "CLEFKC01"

struct header {
    char magic[8];
    uint64_t size;            // Bytes of the binary that follows.
    struct clef_hash key;     // That the file is named by.
    struct clef_hash content; // Of the binary.
};

struct ocl_cache {
    char directory[PATH_MAX];
    struct clef_hash device; // Of all that is the same for each program of the device.
    bool writable;
};

// ---------------------------------------------------------------- where

static bool is_switched_off(const struct clef_device_options *options)
{
    const char *setting = getenv("CLEF_KERNEL_CACHE");
    return options->no_kernel_cache || (setting && strcmp(setting, "off") == 0);
}

// Returns false if the driver does not tell all that identifies it.
static bool hash_device(const struct ocl_context *ocl, struct clef_hash *result)
{
    static const cl_device_info device_texts[] = {CL_DEVICE_NAME, CL_DEVICE_VENDOR,
                                                  CL_DEVICE_VERSION, CL_DRIVER_VERSION};
    static const cl_platform_info platform_texts[] = {CL_PLATFORM_NAME, CL_PLATFORM_VERSION};
    char text[1024];
    struct clef_hash hash = clef_hash_add_text(clef_hash_begin(), MAGIC);
    for (size_t i = 0; i < sizeof device_texts / sizeof device_texts[0]; i++) {
        if (!ocl_device_text(ocl->device, device_texts[i], text, sizeof text))
            return false;
        hash = clef_hash_add_text(hash, text);
    }
    for (size_t i = 0; i < sizeof platform_texts / sizeof platform_texts[0]; i++) {
        if (!ocl_platform_text(ocl->platform, platform_texts[i], text, sizeof text))
            return false;
        hash = clef_hash_add_text(hash, text);
    }
    *result = hash;
    return true;
}

// Says once why nothing is kept, and gives up.
static void give_up(struct ocl_context *ocl, const char *reason)
{
    ocl->cache->writable = false;
    ocl_notice(ocl, CLEF_NOTICE_WARNING,
               "compiled kernels cannot be kept for the next start in \"%s\": %s",
               ocl->cache->directory, reason);
}

void ocl_cache_close(struct ocl_context *ocl)
{
    free(ocl->cache);
    ocl->cache = NULL;
}

void ocl_cache_open(struct ocl_context *ocl, const struct clef_device_options *options)
{
    struct ocl_cache *cache = is_switched_off(options) ? NULL : calloc(1, sizeof *cache);
    if (cache && !clef_cache_directory("kernels", cache->directory, sizeof cache->directory)) {
        free(cache);
        cache = NULL;
    }
    ocl->cache = cache;
    if (!cache)
        return;
    cache->writable = true;
    if (hash_device(ocl, &cache->device))
        return;
    give_up(ocl, "the driver does not tell its name and version");
    ocl_cache_close(ocl);
}

static struct clef_hash program_key(const struct ocl_cache *cache, const struct ocl_source *source,
                                    const char *options)
{
    struct clef_hash key = clef_hash_add_text(cache->device, options);
    return clef_hash_add(key, source->text, source->length);
}

static bool file_path(const struct ocl_cache *cache, struct clef_hash key, char *path, size_t size)
{
    int length = snprintf(path, size, "%s/%016" PRIx64 "%016" PRIx64 ".bin", cache->directory,
                          key.high, key.low);
    return length > 0 && (size_t)length < size;
}

// ---------------------------------------------------------------- loading

unsigned char *ocl_cache_read(const char *path, struct clef_hash key, size_t *size)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return NULL;
    struct header header;
    struct stat status;
    unsigned char *binary = NULL;
    if (fread(&header, sizeof header, 1, file) == 1 &&
        memcmp(header.magic, MAGIC, sizeof header.magic) == 0 && clef_hash_equal(header.key, key) &&
        fstat(fileno(file), &status) == 0 && header.size > 0 &&
        (uint64_t)status.st_size == sizeof header + header.size)
        binary = malloc(header.size);
    if (binary &&
        (fread(binary, header.size, 1, file) != 1 ||
         !clef_hash_equal(header.content, clef_hash_add(clef_hash_begin(), binary, header.size)))) {
        free(binary);
        binary = NULL;
    }
    fclose(file);
    *size = binary ? (size_t)header.size : 0;
    return binary;
}

bool ocl_cache_load(struct ocl_context *ocl, const struct ocl_source *source, const char *options,
                    cl_program *program)
{
    char path[PATH_MAX];
    if (!ocl->cache)
        return false;
    struct clef_hash key = program_key(ocl->cache, source, options);
    if (!file_path(ocl->cache, key, path, sizeof path))
        return false;
    size_t size;
    unsigned char *binary = ocl_cache_read(path, key, &size);
    if (!binary)
        return false;
    cl_int code, binary_status = CL_SUCCESS;
    cl_program loaded =
        ocl_api.clCreateProgramWithBinary(ocl->context, 1, &ocl->device, &size,
                                          (const unsigned char *[]){binary}, &binary_status, &code);
    free(binary);
    if (loaded &&
        (binary_status != CL_SUCCESS ||
         ocl_api.clBuildProgram(loaded, 1, &ocl->device, options, NULL, NULL) != CL_SUCCESS)) {
        ocl_api.clReleaseProgram(loaded);
        loaded = NULL;
    }
    *program = loaded;
    return loaded != NULL;
}

// ---------------------------------------------------------------- saving

// The binary of a program for the one device of the context, after room for the file's header. NULL
// if the driver has none. Release with free.
static unsigned char *get_binary(cl_program program, size_t *size)
{
    *size = 0;
    if (ocl_api.clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof *size, size, NULL) !=
            CL_SUCCESS ||
        *size == 0)
        return NULL;
    unsigned char *file = calloc(1, sizeof(struct header) + *size);
    unsigned char *binary = file ? file + sizeof(struct header) : NULL;
    if (file && ocl_api.clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary,
                                         NULL) != CL_SUCCESS) {
        free(file);
        file = NULL;
    }
    return file;
}

void ocl_cache_save(struct ocl_context *ocl, const struct ocl_source *source, const char *options,
                    cl_program program)
{
    char path[PATH_MAX];
    struct ocl_cache *cache = ocl->cache;
    if (!cache || !cache->writable)
        return;
    struct clef_hash key = program_key(cache, source, options);
    size_t size;
    unsigned char *file = get_binary(program, &size);
    if (!file || !file_path(cache, key, path, sizeof path)) {
        free(file);
        return;
    }
    struct header header = {
        .size = size,
        .key = key,
        .content = clef_hash_add(clef_hash_begin(), file + sizeof(struct header), size)};
    memcpy(header.magic, MAGIC, sizeof header.magic);
    memcpy(file, &header, sizeof header);
    if (!clef_make_directories(cache->directory))
        give_up(ocl, strerror(errno));
    else if (clef_atomic_file_save(path, file, sizeof header + size) != CLEF_OK)
        give_up(ocl, clef_last_error());
    free(file);
}
