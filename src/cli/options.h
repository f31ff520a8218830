// SPDX-License-Identifier: Apache-2.0
// The options of a command as one table, from which parsing, --help and the manual page all come.
//
//     struct settings { int epochs; bool json; };
//     static const struct option_row rows[] = {
//         {"--epochs", "N", "5", "Passes over the training set.", OPTION_INT,
//          offsetof(struct settings, epochs), .min = 1, .max = INT_MAX},
//         {"--json", NULL, NULL, "Print JSON.", OPTION_FLAG, offsetof(struct settings, json)},
//     };
//     static const struct option_command command = {
//         .name = "train", .summary = "...", .rows = rows, .row_count = 2};
//     struct settings settings = {0};
//     int code = options_parse(&command, argc, argv, &settings);
//     if (code != OPTIONS_GO)
//         return code;
#ifndef CLEF_CLI_OPTIONS_H
#define CLEF_CLI_OPTIONS_H

#include "clef/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// What an option's value is, and the type of the member it is stored in.
enum option_kind {
    OPTION_FLAG,     // bool; --NAME sets it, there is no value.
    OPTION_SWITCH,   // bool; --NAME sets it, --no-NAME clears it. Default "yes" or "no".
    OPTION_TEXT,     // const char *, not empty.
    OPTION_INT,      // int, in min .. max.
    OPTION_UINT64,   // uint64_t, in 0 .. 2^64-1.
    OPTION_DOUBLE,   // double, in min .. max; `open_min` and `open_max` leave the limits out.
    OPTION_CHOICE,   // int, `min` plus an index into `choices`.
    OPTION_INT_LIST, // struct option_int_list, whole numbers in min .. max between commas.
};

// Whether a run that is resumed takes an option from where it left off.
enum option_kept {
    OPTION_NOT_KEPT, // No.
    OPTION_KEPT,     // Yes, unless it is given anew.
    OPTION_FIXED,    // Yes, and to give another value is a mistake.
};

enum { OPTION_LIST_LENGTH = 8 };
struct option_int_list {
    int count;
    int values[OPTION_LIST_LENGTH];
};

struct option_row {
    const char *name;         // With its two dashes.
    const char *metavar;      // Stands for the value in the help; NULL for flags and switches.
    const char *default_text; // Parsed as a given value would be; NULL leaves the member alone.
    const char *help;         // One sentence or more.
    enum option_kind kind;
    size_t offset; // Of the member in the settings.
    double min, max;
    bool open_min, open_max;
    const char *const *choices; // Ends with NULL.
    int list_length;            // Exact length of a list; 0 allows 1 .. OPTION_LIST_LENGTH.
    enum option_kept kept;
};

struct option_command {
    const char *name;        // Such as "train" or "bench train".
    const char *summary;     // A few words, lower case, for the manual page's first line.
    const char *description; // Paragraphs between "\n\n", filled by the help to the line's width.
    const struct option_row *rows;
    size_t row_count;
    const char *operand;      // Name of the one operand, such as "REFERENCE.json"; NULL for none.
    const char *operand_help; // What it is.
    size_t operand_offset;    // Of its const char * in the settings; it is mandatory.
};

#define OPTION_COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

enum { OPTIONS_GO = -1 };

// Fills in the defaults, then the arguments argv[1] .. argv[argc-1], as "--opt value" or
// "--opt=value"; the last of several wins. Texts point into argv or the table.
// Returns OPTIONS_GO, or the exit code: 0 after --help, EXIT_USAGE after a message on stderr.
int options_parse(const struct option_command *command, int argc, char **argv, void *settings);

// Does the same, and sets given[i] where row i was on the command line. `given` may be NULL.
int options_parse_given(const struct option_command *command, int argc, char **argv, void *settings,
                        bool *given);

// Stores a value as if it had been given; false if it is not what the row allows.
bool options_parse_value(const struct option_row *row, const char *text, void *settings);

// Print what --help and --help=man print.
void options_print_help(const struct option_command *command, FILE *stream);
void options_print_man(const struct option_command *command, FILE *stream);

// Building blocks of both, for texts that no table describes. `filled` breaks a text between
// words so that lines of `indent` spaces and the text have at most 80 columns; the first line
// continues at column `column`. `roff` escapes what troff would take for its own.
void options_print_filled(FILE *stream, const char *text, int column, int indent);
void options_print_roff(FILE *stream, const char *text);

// Rows that several commands share; `type` is the settings' struct, with members of these names.
#define OPTION_ROW_MODEL(type)                                                                  \
    {                                                                                           \
        "--model", "FILE", NULL, "The model.safetensors that \"clef train\" saved. Mandatory.", \
            OPTION_TEXT, .offset = offsetof(type, model)                                        \
    }
#define OPTION_ROW_SAVED_BATCH_SIZE(type)                                                      \
    {                                                                                          \
        "--batch-size", "N", NULL, "Images of one step. Default: as in training.", OPTION_INT, \
            .offset = offsetof(type, batch_size), .min = 1, .max = CLEF_MAX_BATCH              \
    }
#define OPTION_ROW_DEVICE(type)                                                                    \
    {                                                                                              \
        "--device", "NAME", NULL,                                                                  \
            "Device to compute on: auto (the best graphics processor, else cpu), cpu, "            \
            "cpu:baseline, cpu:avx2 or cpu:avx512 for one set of instructions, opencl, opencl:N "  \
            "and opencl:PLATFORM:DEVICE as \"clef devices\" lists them, or opencl: and a part of " \
            "a name. Default: the environment variable CLEF_DEVICE, else auto.",                   \
            OPTION_TEXT, .offset = offsetof(type, device), .kept = OPTION_KEPT                     \
    }
#define OPTION_ROW_THREADS(type)                                                                 \
    {                                                                                            \
        "--threads", "N", "0", "Threads of a processor's device; 0 takes all that are allowed.", \
            OPTION_INT, .offset = offsetof(type, threads), .min = 0, .max = 4096,                \
                        .kept = OPTION_KEPT                                                      \
    }
#define OPTION_ROW_KERNEL_CACHE(type)                                                            \
    {                                                                                            \
        "--kernel-cache", NULL, "yes",                                                           \
            "Keep compiled kernels of OpenCL devices for the next start, in clef/kernels below " \
            "$XDG_CACHE_HOME or ~/.cache. The environment variable CLEF_KERNEL_CACHE=off does "  \
            "what --no-kernel-cache does.",                                                      \
            OPTION_SWITCH, .offset = offsetof(type, kernel_cache)                                \
    }
#define OPTION_ROW_SYNC(type)                                                                  \
    {                                                                                          \
        "--sync", NULL, NULL,                                                                  \
            "Wait for the device after each op, so that an error of its driver names the op. " \
            "Slower.",                                                                         \
            OPTION_FLAG, .offset = offsetof(type, sync)                                        \
    }
#define OPTION_ROW_PROFILE(type)                                                                \
    {                                                                                           \
        "--profile", NULL, NULL,                                                                \
            "Measure each op, by the device's own clock where it has one, and print the times " \
            "by op and by layer at the end. Slower, since ops no longer overlap.",              \
            OPTION_FLAG, .offset = offsetof(type, profile)                                      \
    }
#define OPTION_ROW_BATCH_SIZE(type)                                                \
    {                                                                              \
        "--batch-size", "N", "64", "Images of one step.", OPTION_INT,              \
            .offset = offsetof(type, batch_size), .min = 1, .max = CLEF_MAX_BATCH, \
            .kept = OPTION_FIXED                                                   \
    }
#define OPTION_ROW_JSON(type)                                                              \
    {                                                                                      \
        "--json", NULL, NULL, "Print one JSON object in place of the table.", OPTION_FLAG, \
            .offset = offsetof(type, json)                                                 \
    }
#define OPTION_ROW_DATA(type)                                                                 \
    {                                                                                         \
        "--data", "DIR", "data/mnist",                                                        \
            "Directory of the four IDX files of MNIST, or of any data set with these names, " \
            "plain or gzipped; images of colours have their channels as a fourth dimension. " \
            "Or a directory of pictures, PNG or JPEG: train/CLASS/FILE and test/CLASS/FILE.", \
            OPTION_TEXT, .offset = offsetof(type, data), .kept = OPTION_KEPT                  \
    }

#endif
