// SPDX-License-Identifier: Apache-2.0
#include "cli/cli_support.h"

#include "cli/commands.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// Prints one line. A file's name may hold line breaks and other control characters, which are not
// let through.
static void print_line(const char *command, const char *prefix, const char *format,
                       va_list arguments)
{
    char message[4096]; // More than clef_last_error can have, a compiler's log included.
    vsnprintf(message, sizeof message, format, arguments);
    for (char *c = message; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    fflush(stdout);
    fprintf(stderr, "clef%s%s: %s%s\n", command[0] != '\0' ? " " : "", command, prefix, message);
}

int cli_error(const char *command, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(command, "", format, arguments);
    va_end(arguments);
    return code;
}

int cli_require(const char *command, const char *option, const char *value, const char *hint)
{
    if (value != NULL)
        return EXIT_SUCCESS;
    return cli_error(command, EXIT_USAGE, "%s is missing: %s", option, hint);
}

void cli_warning(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(command, "warning: ", format, arguments);
    va_end(arguments);
}

int cli_library_error(const char *command)
{
    return cli_error(command, EXIT_FAILURE, "%s", clef_last_error());
}

// Clears from the cursor to the end of the line (ECMA-48, "erase in line").
#define ERASE_TO_END "\033[K"

static void print_notice(void *user, enum clef_notice kind, const char *message)
{
    const char *command = user, *verbose = getenv("CLEF_VERBOSE");
    if (kind == CLEF_NOTICE_PROGRESS) {
        if (isatty(STDERR_FILENO) == 1)
            fprintf(stderr, "\r%s%s" ERASE_TO_END, *message ? "clef: " : "", message);
    } else if (kind == CLEF_NOTICE_WARNING) {
        cli_warning(command, "%s", message);
    } else if (verbose && *verbose) {
        fprintf(stderr, "clef %s: %s\n", command, message);
    }
}

struct clef_device_options cli_device_options(const char *command,
                                              const struct clef_device_options *options)
{
    struct clef_device_options all = *options;
    all.notice = print_notice;
    all.notice_user = (void *)command; // Read only.
    return all;
}

int cli_device_error(const char *command, clef_status status)
{
    cli_library_error(command);
    return status == CLEF_NOT_FOUND || status == CLEF_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_FAILURE;
}

int cli_open_device(const char *command, const char *selector,
                    const struct clef_device_options *options, struct clef_device **device)
{
    const struct clef_device_options all = cli_device_options(command, options);
    clef_status status = clef_device_open(selector, &all, device);
    return status == CLEF_OK ? EXIT_SUCCESS : cli_device_error(command, status);
}

void cli_print_device(const char *label, const struct clef_device *device)
{
    const struct clef_device_info *info = clef_device_get_info(device);
    const char *choice = clef_device_get_choice(device);
    printf("%s: %s, %s (%s)\n", label, info->backend, info->name, info->driver);
    if (*choice)
        printf("  %s\n", choice);
}

uint64_t cli_peak_rss_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024; // Linux counts in KiB.
}

char *cli_thousands(uint64_t number, char text[CLI_NUMBER_LENGTH])
{
    char digits[CLI_NUMBER_LENGTH];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    int length = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            text[length++] = ',';
        text[length++] = digits[i];
    }
    text[length] = '\0';
    return text;
}

char *cli_bytes(uint64_t bytes, char text[CLI_NUMBER_LENGTH])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(text, CLI_NUMBER_LENGTH, unit == 0 ? "%.0f %s" : "%.2f %s", value, units[unit]);
    return text;
}

json_t *cli_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

// Bytes of the character that a text begins with, or 0 if it begins with none: the first byte gives
// the length and bounds the second, by which overlong forms, surrogates and what lies beyond
// U+10FFFF are left out (Unicode 15, table 3-7).
static size_t utf8_length(const unsigned char *text)
{
    static const struct {
        unsigned char first, last;               // Of the first byte.
        unsigned char second_first, second_last; // Of the second.
        size_t length;
    } rows[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (text[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (text[0] < rows[i].first || text[0] > rows[i].last)
            continue;
        if (text[1] < rows[i].second_first || text[1] > rows[i].second_last)
            return 0;
        // The zero at the end of the text is no continuation, so nothing behind it is read.
        for (size_t k = 2; k < rows[i].length; k++)
            if ((text[k] & 0xc0) != 0x80)
                return 0;
        return rows[i].length;
    }
    return 0;
}

json_t *cli_json_text(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd"; // U+FFFD
    if (text == NULL)
        return json_null();
    char *valid = malloc(strlen(text) * (sizeof replacement - 1) + 1);
    if (valid == NULL)
        return NULL;
    size_t used = 0;
    while (*text != '\0') {
        size_t length = utf8_length((const unsigned char *)text);
        const char *character = length > 0 ? text : replacement;
        size_t bytes = length > 0 ? length : sizeof replacement - 1;
        memcpy(valid + used, character, bytes);
        used += bytes;
        text += length > 0 ? length : 1;
    }
    json_t *json = json_stringn(valid, used);
    free(valid);
    return json;
}

json_t *cli_json_device(const struct clef_device *device)
{
    const struct clef_device_info *info = clef_device_get_info(device);
    return json_pack("{s:o, s:o, s:s}", "name", cli_json_text(info->name), "driver",
                     cli_json_text(info->driver), "backend", info->backend);
}

int cli_print_json(const char *command, json_t *json)
{
    int code = EXIT_SUCCESS;
    if (json == NULL)
        return cli_error(command, EXIT_FAILURE, "too little memory for the JSON document");
    if (json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) != 0 || putchar('\n') == EOF ||
        fflush(stdout) != 0)
        code = cli_error(command, EXIT_FAILURE, "cannot write to the standard output: %s",
                         strerror(errno));
    json_decref(json);
    return code;
}
