// SPDX-License-Identifier: Apache-2.0
// Parsing and checking of a command's arguments.
#include "cli/options.h"

#include "cli/cli_support.h"
#include "cli/commands.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Writes what a value must be, such as "a whole number of at least 1".
static void describe_number(const struct option_row *row, const char *noun, char *text, size_t size)
{
    if (isinf(row->max) || row->max >= (double)INT32_MAX) {
        snprintf(text, size, row->open_min ? "%s above %.15g" : "%s of at least %.15g", noun,
                 row->min);
        return;
    }
    snprintf(text, size, "%s %s%.15g %s%.15g", noun, row->open_min ? "above " : "from ", row->min,
             row->open_max ? "to below " : "to ", row->max);
}

static void describe_choices(const struct option_row *row, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (int i = 0; row->choices[i] != NULL && length < size; i++) {
        const char *separator = i == 0 ? "" : row->choices[i + 1] == NULL ? " or " : ", ";
        length +=
            (size_t)snprintf(text + length, size - length, "%s%s", separator, row->choices[i]);
    }
}

static void describe_value(const struct option_row *row, char *text, size_t size)
{
    char element[160];
    switch (row->kind) {
    case OPTION_INT:
        describe_number(row, "a whole number", text, size);
        break;
    case OPTION_UINT64:
        snprintf(text, size, "a whole number from 0 to 2^64-1");
        break;
    case OPTION_DOUBLE:
        describe_number(row, "a number", text, size);
        break;
    case OPTION_CHOICE:
        describe_choices(row, text, size);
        break;
    case OPTION_INT_LIST:
        describe_number(row, "whole numbers", element, sizeof element);
        if (row->list_length != 0)
            snprintf(text, size, "%d %s, with commas between", row->list_length, element);
        else
            snprintf(text, size, "1 to %d %s, with commas between", OPTION_LIST_LENGTH, element);
        break;
    case OPTION_TEXT:
        snprintf(text, size, "a text that is not empty");
        break;
    case OPTION_FLAG:
    case OPTION_SWITCH:
        text[0] = '\0';
        break;
    }
}

// Whether `text` is digits, with a sign if that is allowed: strtol and its kin also take leading
// white space, which here is a mistake.
static bool is_digits(const char *text, bool sign)
{
    if (sign && (*text == '-' || *text == '+'))
        text++;
    return *text != '\0' && strspn(text, "0123456789") == strlen(text);
}

static bool parse_int(const struct option_row *row, const char *text, int *value)
{
    if (!is_digits(text, true))
        return false;
    errno = 0;
    long number = strtol(text, NULL, 10);
    if (errno != 0 || (double)number < row->min || (double)number > row->max)
        return false;
    *value = (int)number;
    return true;
}

static bool parse_uint64(const char *text, uint64_t *value)
{
    if (!is_digits(text, false))
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    *value = number;
    return errno == 0;
}

static bool parse_double(const struct option_row *row, const char *text, double *value)
{
    char *end;
    if (text[0] == '\0' || strspn(text, "+-.0123456789eE") != strlen(text))
        return false;
    double number = strtod(text, &end);
    if (*end != '\0' || !isfinite(number) || number < row->min || number > row->max)
        return false;
    if ((row->open_min && number == row->min) || (row->open_max && number == row->max))
        return false;
    *value = number;
    return true;
}

static bool parse_choice(const struct option_row *row, const char *text, int *value)
{
    for (int i = 0; row->choices[i] != NULL; i++) {
        if (strcmp(text, row->choices[i]) == 0) {
            *value = (int)row->min + i;
            return true;
        }
    }
    return false;
}

static bool parse_list(const struct option_row *row, const char *text, struct option_int_list *list)
{
    char element[16];
    list->count = 0;
    for (;;) {
        size_t length = strcspn(text, ",");
        if (length >= sizeof element || list->count == OPTION_LIST_LENGTH)
            return false;
        memcpy(element, text, length);
        element[length] = '\0';
        if (!parse_int(row, element, &list->values[list->count++]))
            return false;
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    return row->list_length == 0 || list->count == row->list_length;
}

bool options_parse_value(const struct option_row *row, const char *text, void *settings)
{
    void *member = (char *)settings + row->offset;
    switch (row->kind) {
    case OPTION_FLAG:
    case OPTION_SWITCH:
        *(bool *)member = strcmp(text, "yes") == 0;
        return true;
    case OPTION_TEXT:
        *(const char **)member = text;
        return text[0] != '\0';
    case OPTION_INT:
        return parse_int(row, text, member);
    case OPTION_UINT64:
        return parse_uint64(text, member);
    case OPTION_DOUBLE:
        return parse_double(row, text, member);
    case OPTION_CHOICE:
        return parse_choice(row, text, member);
    case OPTION_INT_LIST:
        return parse_list(row, text, member);
    }
    return false;
}

// Finds the row of an option whose name is the first `length` characters of `argument`. A switch
// is also found as "--no-NAME", which sets `negated`.
static const struct option_row *find_row(const struct option_command *command, const char *argument,
                                         size_t length, bool *negated)
{
    for (size_t i = 0; i < command->row_count; i++) {
        const struct option_row *row = &command->rows[i];
        *negated = false;
        if (strlen(row->name) == length && strncmp(argument, row->name, length) == 0)
            return row;
        *negated = true;
        if (row->kind == OPTION_SWITCH && length > 5 && strncmp(argument, "--no-", 5) == 0 &&
            strlen(row->name) - 2 == length - 5 &&
            strncmp(argument + 5, row->name + 2, length - 5) == 0)
            return row;
    }
    return NULL;
}

// Parses the option argv[*index] and moves *index to its last argument. Returns OPTIONS_GO or an
// exit code.
static int parse_option(const struct option_command *command, int argc, char **argv, int *index,
                        void *settings, bool *given)
{
    const char *argument = argv[*index];
    size_t length = strcspn(argument, "=");
    const char *value = argument[length] == '=' ? argument + length + 1 : NULL;
    bool negated;
    const struct option_row *row = find_row(command, argument, length, &negated);
    if (row == NULL)
        return cli_error(command->name, EXIT_USAGE,
                         "unknown option \"%.*s\"; \"clef %s --help\" lists the options",
                         (int)length, argument, command->name);
    if (given != NULL)
        given[row - command->rows] = true;
    if (row->kind == OPTION_FLAG || row->kind == OPTION_SWITCH) {
        if (value != NULL)
            return cli_error(command->name, EXIT_USAGE, "%.*s takes no value, not \"%s\"",
                             (int)length, argument, value);
        options_parse_value(row, negated ? "no" : "yes", settings);
        return OPTIONS_GO;
    }
    if (value == NULL) {
        if (*index + 1 >= argc || strncmp(argv[*index + 1], "--", 2) == 0)
            return cli_error(command->name, EXIT_USAGE, "%s needs a value: %s %s", row->name,
                             row->name, row->metavar);
        value = argv[++*index];
    }
    if (!options_parse_value(row, value, settings)) {
        char expected[256];
        describe_value(row, expected, sizeof expected);
        return cli_error(command->name, EXIT_USAGE, "%s must be %s, not \"%s\"", row->name,
                         expected, value);
    }
    return OPTIONS_GO;
}

static int parse_operand(const struct option_command *command, const char *argument, void *settings)
{
    const char **operand = NULL;
    if (command->operand != NULL)
        operand = (const char **)((char *)settings + command->operand_offset);
    if (operand == NULL || *operand != NULL || argument[0] == '\0')
        return cli_error(command->name, EXIT_USAGE,
                         "unexpected argument \"%s\"; \"clef %s --help\" shows the usage", argument,
                         command->name);
    *operand = argument;
    return OPTIONS_GO;
}

int options_parse(const struct option_command *command, int argc, char **argv, void *settings)
{
    return options_parse_given(command, argc, argv, settings, NULL);
}

int options_parse_given(const struct option_command *command, int argc, char **argv, void *settings,
                        bool *given)
{
    for (size_t i = 0; i < command->row_count; i++) {
        if (command->rows[i].default_text != NULL)
            options_parse_value(&command->rows[i], command->rows[i].default_text, settings);
    }
    for (int i = 1; i < argc; i++) {
        int code = OPTIONS_GO;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            options_print_help(command, stdout);
            code = EXIT_SUCCESS;
        } else if (strcmp(argv[i], "--help=man") == 0) {
            options_print_man(command, stdout);
            code = EXIT_SUCCESS;
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            code = parse_option(command, argc, argv, &i, settings, given);
        } else {
            code = parse_operand(command, argv[i], settings);
        }
        if (code != OPTIONS_GO)
            return code;
    }
    if (command->operand != NULL &&
        *(const char **)((char *)settings + command->operand_offset) == NULL)
        return cli_error(command->name, EXIT_USAGE,
                         "%s is missing; \"clef %s --help\" shows the usage", command->operand,
                         command->name);
    return OPTIONS_GO;
}
