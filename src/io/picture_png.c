// SPDX-License-Identifier: Apache-2.0
#include "core/error.h"
#include "io/picture_decoder.h"

#include <png.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// A byte of a compressed stream becomes at most 1032, each of 8 pixels of one bit.
#define MOST_PIXELS_OF_A_BYTE ((size_t)1032 * 8)
#define MOST_SIDE 65535

struct reading {
    const struct clef_picture_file *file;
    struct clef_picture *picture;
    size_t used;        // Bytes of the file.
    png_bytep *lines;   // Of the picture.
    clef_status status; // Of what the library does not know.
    char fault[96];     // What it says.
    bool no_memory;     // And if this is why.
    png_structp png;
    png_infop info;
};

static void keep_fault(png_structp png, png_const_charp message)
{
    struct reading *reading = png_get_error_ptr(png);
    strncpy(reading->fault, message, sizeof reading->fault - 1);
    png_longjmp(png, 1);
}

static png_voidp allocate(png_structp png, png_alloc_size_t size)
{
    struct reading *reading = png_get_mem_ptr(png);
    void *memory = malloc(size);
    reading->no_memory = reading->no_memory || memory == NULL;
    return memory;
}

static void release(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

// Of what is not a pixel: a wrong profile, text in the wrong place.
static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void read_more(png_structp png, png_bytep bytes, size_t size)
{
    struct reading *reading = png_get_io_ptr(png);
    if (size > reading->file->size - reading->used)
        png_error(png, "it is cut off");
    memcpy(bytes, reading->file->bytes + reading->used, size);
    reading->used += size;
}

// Whatever the pixels are, they become three bytes.
static void convert_to_rgb(struct reading *reading)
{
    png_set_expand(reading->png);
    png_set_strip_16(reading->png);
    png_set_strip_alpha(reading->png);
    png_set_gray_to_rgb(reading->png);
    png_set_interlace_handling(reading->png);
    png_read_update_info(reading->png, reading->info);
}

static clef_status make_room(struct reading *reading)
{
    size_t height = png_get_image_height(reading->png, reading->info);
    size_t width = png_get_image_width(reading->png, reading->info);
    bool possible = height * width <= MOST_PIXELS_OF_A_BYTE * reading->file->size;
    CLEF_TRY(clef_picture_allocate(reading->file, height, width, possible, reading->picture));
    reading->lines = malloc(height * sizeof *reading->lines);
    if (reading->lines == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", reading->file->path);
    for (size_t y = 0; y < height; y++)
        reading->lines[y] = reading->picture->pixels + 3 * width * y;
    return CLEF_OK;
}

static void read_picture(struct reading *reading)
{
    png_read_info(reading->png, reading->info);
    reading->status = make_room(reading);
    if (reading->status != CLEF_OK)
        return;
    convert_to_rgb(reading);
    png_read_image(reading->png, reading->lines);
    png_read_end(reading->png, NULL);
}

// False if the library has jumped back because of a fault.
static bool try_to_read(struct reading *reading)
{
    if (setjmp(png_jmpbuf(reading->png)) != 0)
        return false;
    png_set_read_fn(reading->png, reading, read_more);
    png_set_user_limits(reading->png, MOST_SIDE, MOST_SIDE);
    // Minus one are all chunks that pixels do not need.
    png_set_keep_unknown_chunks(reading->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    read_picture(reading);
    return true;
}

clef_status clef_picture_decode_png(const struct clef_picture_file *file,
                                    struct clef_picture *picture)
{
    struct reading reading = {.file = file, .picture = picture};
    reading.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reading, keep_fault,
                                           ignore_warning, &reading, allocate, release);
    reading.info = reading.png ? png_create_info_struct(reading.png) : NULL;
    bool complete = reading.info != NULL && try_to_read(&reading);
    if (!complete && reading.no_memory)
        reading.status = clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", file->path);
    else if (!complete)
        reading.status = clef_fail(CLEF_FORMAT, "%s: expected an intact PNG file, found: %s",
                                   file->path, reading.fault);
    png_destroy_read_struct(&reading.png, &reading.info, NULL);
    free(reading.lines);
    return reading.status;
}
