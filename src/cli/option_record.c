// SPDX-License-Identifier: Apache-2.0
#include "cli/option_record.h"

#include "cli/cli_support.h"
#include "cli/commands.h"
#include "io/json_build.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static json_t *format_list(const struct option_int_list *list)
{
    char text[OPTION_LIST_LENGTH * 12 + 1] = "";
    size_t length = 0;
    for (int i = 0; i < list->count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, i == 0 ? "%d" : ",%d",
                                   list->values[i]);
    return json_string(text);
}

// Whether an option has a value: one that was left out and has no default has none.
static bool has_value(const struct option_row *row, const void *settings)
{
    const void *member = (const char *)settings + row->offset;
    if (row->default_text != NULL)
        return true;
    switch (row->kind) {
    case OPTION_TEXT:
        return *(const char *const *)member != NULL;
    case OPTION_INT:
    case OPTION_CHOICE:
        return *(const int *)member != 0;
    case OPTION_INT_LIST:
        return ((const struct option_int_list *)member)->count != 0;
    default:
        return true;
    }
}

// The one text of a value, which parses to the same.
static json_t *format_value(const struct option_row *row, const void *settings)
{
    const void *member = (const char *)settings + row->offset;
    switch (row->kind) {
    case OPTION_FLAG:
    case OPTION_SWITCH:
        return json_string(*(const bool *)member ? "yes" : "no");
    case OPTION_TEXT:
        return cli_json_text(*(const char *const *)member);
    case OPTION_INT:
        return json_sprintf("%d", *(const int *)member);
    case OPTION_UINT64:
        return json_sprintf("%" PRIu64, *(const uint64_t *)member);
    case OPTION_DOUBLE:
        return json_sprintf("%.17g", *(const double *)member);
    case OPTION_CHOICE:
        return json_string(row->choices[*(const int *)member - (int)row->min]);
    case OPTION_INT_LIST:
        return format_list(member);
    }
    return NULL;
}

json_t *option_record_make(const struct option_command *command, const void *settings)
{
    json_t *record = json_object();
    for (size_t i = 0; i < command->row_count; i++) {
        const struct option_row *row = &command->rows[i];
        if (row->kept != OPTION_NOT_KEPT && has_value(row, settings))
            clef_json_set(&record, row->name, format_value(row, settings));
    }
    return record;
}

static int apply_row(const struct option_command *command, const struct option_row *row, bool given,
                     const json_t *record, void *settings)
{
    const json_t *kept = json_object_get(record, row->name);
    const char *text = json_string_value(kept);
    if (given) {
        json_t *value = format_value(row, settings);
        bool same = row->kept != OPTION_FIXED || json_equal(value, kept);
        json_decref(value);
        if (same)
            return EXIT_SUCCESS;
        return cli_error(command->name, EXIT_USAGE,
                         "%s contradicts the run that is resumed, which has %s%s%s: leave it out, "
                         "or begin a new run without --resume",
                         row->name, text != NULL ? row->name : "none", text != NULL ? " " : "",
                         text != NULL ? text : "");
    }
    if (kept != NULL && (text == NULL || !options_parse_value(row, text, settings)))
        return cli_error(command->name, EXIT_FAILURE,
                         "the checkpoint has %s \"%s\", which is not possible", row->name,
                         text != NULL ? text : "");
    return EXIT_SUCCESS;
}

static const struct option_row *find_kept(const struct option_command *command, const char *name)
{
    for (size_t i = 0; i < command->row_count; i++)
        if (command->rows[i].kept != OPTION_NOT_KEPT && strcmp(command->rows[i].name, name) == 0)
            return &command->rows[i];
    return NULL;
}

int option_record_apply(const struct option_command *command, const bool *given, json_t *record,
                        void *settings)
{
    const char *name;
    json_t *value;
    if (!json_is_object(record))
        return cli_error(command->name, EXIT_FAILURE,
                         "the checkpoint tells no options: it was not made by \"clef %s\"",
                         command->name);
    json_object_foreach(record, name, value)
    {
        if (find_kept(command, name) == NULL)
            return cli_error(
                command->name, EXIT_FAILURE,
                "the checkpoint has the option %s, which is not known: use the version "
                "of Clef that made it",
                name);
    }
    for (size_t i = 0; i < command->row_count; i++) {
        const struct option_row *row = &command->rows[i];
        if (row->kept == OPTION_NOT_KEPT)
            continue;
        int code = apply_row(command, row, given[i], record, settings);
        if (code != EXIT_SUCCESS)
            return code;
    }
    return EXIT_SUCCESS;
}
