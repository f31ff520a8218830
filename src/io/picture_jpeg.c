// SPDX-License-Identifier: Apache-2.0
#include "core/error.h"
#include "io/picture_decoder.h"

// jpeglib.h does not include what it needs.
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>

// Photographs have some ten. Each one takes as long as the whole, however few bytes it has.
#define MOST_SCANS 32

struct reading {
    const struct clef_picture_file *file;
    struct clef_picture *picture;
    clef_status status; // Of what the library does not know.
    char fault[JMSG_LENGTH_MAX];
    struct jpeg_decompress_struct jpeg; // Its client_data is this.
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf back;
};

static void fail(j_common_ptr jpeg)
{
    struct reading *reading = jpeg->client_data;
    jpeg->err->format_message(jpeg, reading->fault);
    reading->status = jpeg->err->msg_code == JERR_OUT_OF_MEMORY ? CLEF_OUT_OF_MEMORY : CLEF_FORMAT;
    longjmp(reading->back, 1);
}

// Level -1 is of data that are damaged, where the library would make up pixels. Two kinds of it
// leave all pixels as they are.
static void fail_if_damaged(j_common_ptr jpeg, int level)
{
    int code = jpeg->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM)
        fail(jpeg);
}

static void bound_scans(j_common_ptr jpeg)
{
    struct reading *reading = jpeg->client_data;
    if (reading->jpeg.input_scan_number <= MOST_SCANS)
        return;
    reading->status =
        clef_fail(CLEF_FORMAT, "%s: expected a JPEG file of at most %d scans, found more",
                  reading->file->path, MOST_SCANS);
    longjmp(reading->back, 2);
}

// A block of 8 x 8 numbers of one component takes at least one bit.
static bool has_room_for_blocks(const struct reading *reading)
{
    size_t blocks = 0;
    for (int i = 0; i < reading->jpeg.num_components; i++) {
        const jpeg_component_info *component = &reading->jpeg.comp_info[i];
        blocks += (size_t)component->height_in_blocks * component->width_in_blocks;
    }
    return blocks <= 8 * reading->file->size;
}

// Ink covers white; Adobe's programs store what it leaves.
static void cmyk_to_rgb(const uint8_t *src, int width, bool inverted, uint8_t *dst)
{
    for (int x = 0; x < width; x++, src += 4, dst += 3) {
        int black = inverted ? src[3] : 255 - src[3];
        for (int c = 0; c < 3; c++)
            dst[c] = (uint8_t)(((inverted ? src[c] : 255 - src[c]) * black + 127) / 255);
    }
}

static void read_lines(struct reading *reading)
{
    struct jpeg_decompress_struct *jpeg = &reading->jpeg;
    bool cmyk = jpeg->out_color_space == JCS_CMYK;
    size_t line = 3 * (size_t)jpeg->output_width;
    JSAMPARRAY inks = NULL;
    if (cmyk)
        inks = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, 4 * jpeg->output_width, 1);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = reading->picture->pixels + line * jpeg->output_scanline;
        jpeg_read_scanlines(jpeg, cmyk ? inks : &row, 1);
        if (cmyk)
            cmyk_to_rgb(inks[0], (int)jpeg->output_width, jpeg->saw_Adobe_marker, row);
    }
}

static void read_picture(struct reading *reading)
{
    struct jpeg_decompress_struct *jpeg = &reading->jpeg;
    jpeg_mem_src(jpeg, reading->file->bytes, reading->file->size);
    jpeg_read_header(jpeg, TRUE);
    reading->status = clef_picture_allocate(reading->file, jpeg->image_height, jpeg->image_width,
                                            has_room_for_blocks(reading), reading->picture);
    if (reading->status != CLEF_OK)
        return;
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    read_lines(reading);
    jpeg_finish_decompress(jpeg);
}

// False if the library has jumped back because of a fault.
static bool try_to_read(struct reading *reading)
{
    int fault = setjmp(reading->back);
    if (fault == 0) {
        jpeg_create_decompress(&reading->jpeg);
        reading->jpeg.progress = &reading->progress;
        read_picture(reading);
    }
    return fault != 1;
}

clef_status clef_picture_decode_jpeg(const struct clef_picture_file *file,
                                     struct clef_picture *picture)
{
    struct reading reading = {.file = file, .picture = picture};
    reading.jpeg.err = jpeg_std_error(&reading.errors);
    reading.jpeg.client_data = &reading;
    reading.errors.error_exit = fail;
    reading.errors.emit_message = fail_if_damaged;
    reading.progress.progress_monitor = bound_scans;
    if (!try_to_read(&reading))
        reading.status =
            reading.status == CLEF_OUT_OF_MEMORY
                ? clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", file->path)
                : clef_fail(CLEF_FORMAT, "%s: expected an intact JPEG file, found: %s", file->path,
                            reading.fault);
    jpeg_destroy_decompress(&reading.jpeg);
    return reading.status;
}
