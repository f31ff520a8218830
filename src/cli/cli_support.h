// SPDX-License-Identifier: Apache-2.0
// What the commands share: messages, opening a device, figures as text.
#ifndef CLEF_CLI_CLI_SUPPORT_H
#define CLEF_CLI_CLI_SUPPORT_H

#include "clef/clef.h"
#include "cli/options.h"

#include <jansson.h>
#include <stdint.h>

// Prints "clef COMMAND: MESSAGE" as one line on stderr. Returns `code`.
int cli_error(const char *command, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Returns EXIT_SUCCESS, or EXIT_USAGE after "OPTION is missing: HINT" if there is no value.
int cli_require(const char *command, const char *option, const char *value, const char *hint);
#define CLI_NAME_MODEL "name the model.safetensors of a training run"
#define CLI_NAME_OUT "name the file to write"

// Prints "clef COMMAND: warning: MESSAGE" as one line on stderr.
void cli_warning(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Prints the library's last error in the same way. Returns EXIT_FAILURE.
int cli_library_error(const char *command);

// Opens a device; `selector` may be NULL. What the device has to tell goes to stderr: progress on a
// terminal alone, details if the environment variable CLEF_VERBOSE is set. `command` and what
// `options` points to must outlive the device. Returns EXIT_SUCCESS, or the exit code after a
// message: EXIT_USAGE if there is no device of that name.
int cli_open_device(const char *command, const char *selector,
                    const struct clef_device_options *options, struct clef_device **device);

// What cli_open_device does with the options, and with a failure, for those who open a device
// otherwise.
struct clef_device_options cli_device_options(const char *command,
                                              const struct clef_device_options *options);
int cli_device_error(const char *command, clef_status status);

// Prints "LABEL: BACKEND, NAME (DRIVER)", and below it why "auto" took the device.
void cli_print_device(const char *label, const struct clef_device *device);

// Largest resident memory of this process so far, in bytes.
uint64_t cli_peak_rss_bytes(void);

// A whole number with a comma between groups of three digits, as in "11,707,394". Returns `text`.
enum { CLI_NUMBER_LENGTH = 32 };
char *cli_thousands(uint64_t number, char text[CLI_NUMBER_LENGTH]);

// A number of bytes such as "44.66 MiB". Returns `text`.
char *cli_bytes(uint64_t bytes, char text[CLI_NUMBER_LENGTH]);

// A real number for JSON, which has neither NaN nor infinity: null stands for these.
json_t *cli_json_real(double value);

// A text from outside, such as a path or a device's name, for JSON, which is UTF-8: U+FFFD stands
// for each byte that belongs to no character. NULL gives null.
json_t *cli_json_text(const char *text);

// An open device as {"name", "driver", "backend"}.
json_t *cli_json_device(const struct clef_device *device);

// Prints a JSON value, indented, with a final newline on stdout, and releases it. Returns
// EXIT_SUCCESS, or EXIT_FAILURE after a message.
int cli_print_json(const char *command, json_t *json);

#endif
