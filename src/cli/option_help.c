// SPDX-License-Identifier: Apache-2.0
// The help and the manual page of a command, from its table of options.
#include "cli/options.h"

#include "clef/status.h"

#include <string.h>

enum { LINE_WIDTH = 80, HELP_INDENT = 28 };

void options_print_filled(FILE *stream, const char *text, int column, int indent)
{
    bool line_start = true;
    while (*text != '\0') {
        if (*text == '\n') {
            fprintf(stream, "\n");
            text++;
            column = 0;
            line_start = true;
            continue;
        }
        size_t length = strcspn(text, " \n");
        if (!line_start && column + 1 + (int)length > LINE_WIDTH) {
            fprintf(stream, "\n");
            column = 0;
            line_start = true;
        }
        if (line_start && column < indent) {
            fprintf(stream, "%*s", indent - column, "");
            column = indent;
        }
        column += fprintf(stream, line_start ? "%.*s" : " %.*s", (int)length, text);
        line_start = false;
        text += length;
        text += *text == ' ';
    }
    fprintf(stream, "\n");
}

void options_print_roff(FILE *stream, const char *text)
{
    bool line_start = true;
    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            fputs("\\&", stream);
        line_start = *text == '\n';
        if (*text == '-')
            fputs("\\-", stream);
        else if (*text == '\\')
            fputs("\\e", stream);
        else
            fputc(*text, stream);
    }
}

// The text of an option's name as the help shows it, such as "--[no-]shuffle" or "--epochs N".
static int format_name(const struct option_row *row, char *text, size_t size)
{
    if (row->kind == OPTION_SWITCH)
        return snprintf(text, size, "--[no-]%s", row->name + 2);
    if (row->metavar == NULL)
        return snprintf(text, size, "%s", row->name);
    return snprintf(text, size, "%s %s", row->name, row->metavar);
}

static const char *describe_default(const struct option_row *row)
{
    return row->kind == OPTION_FLAG ? NULL : row->default_text;
}

void options_print_help(const struct option_command *command, FILE *stream)
{
    fprintf(stream, "Usage: clef %s [OPTION]...%s%s\n\n", command->name,
            command->operand != NULL ? " " : "", command->operand != NULL ? command->operand : "");
    options_print_filled(stream, command->description, 0, 0);
    if (command->operand != NULL) {
        fprintf(stream, "\n");
        int column = fprintf(stream, "  %s ", command->operand);
        options_print_filled(stream, command->operand_help, column, HELP_INDENT);
    }
    fprintf(stream, "\nOptions:\n");
    for (size_t i = 0; i < command->row_count; i++) {
        const struct option_row *row = &command->rows[i];
        char name[64], help[640];
        format_name(row, name, sizeof name);
        const char *value = describe_default(row);
        if (value != NULL)
            snprintf(help, sizeof help, "%s [default: %s]", row->help, value);
        else
            snprintf(help, sizeof help, "%s", row->help);
        int column = fprintf(stream, "  %s", name);
        if (column >= HELP_INDENT - 1) {
            fprintf(stream, "\n");
            column = 0;
        }
        options_print_filled(stream, help, column, HELP_INDENT);
    }
    int column = fprintf(stream, "  --help");
    options_print_filled(stream, "Print this help.", column, HELP_INDENT);
    fprintf(stream, "\nExit codes: 0 success, 1 failure, 2 wrong usage.\n");
}

// Prints paragraphs, with a break where the text has an empty line.
static void print_roff_paragraphs(FILE *stream, const char *text)
{
    const char *end;
    while ((end = strstr(text, "\n\n")) != NULL) {
        char paragraph[1024];
        snprintf(paragraph, sizeof paragraph, "%.*s", (int)(end - text), text);
        options_print_roff(stream, paragraph);
        fprintf(stream, "\n.PP\n");
        text = end + 2;
    }
    options_print_roff(stream, text);
    fprintf(stream, "\n");
}

void options_print_man(const struct option_command *command, FILE *stream)
{
    // The page of "clef bench train" is clef-bench-train(1).
    char page[64];
    snprintf(page, sizeof page, "clef-%s", command->name);
    for (char *c = page; *c != '\0'; c++) {
        if (*c == ' ')
            *c = '-';
    }
    fprintf(stream, ".TH \"%s\" 1 \"\" \"clef %s\" \"Clef manual\"\n.SH NAME\n", page,
            clef_version());
    options_print_roff(stream, page);
    fprintf(stream, " \\- ");
    options_print_roff(stream, command->summary);
    fprintf(stream, "\n.SH SYNOPSIS\n.B clef %s\n.RI [ OPTION ]...\n", command->name);
    if (command->operand != NULL)
        fprintf(stream, ".I %s\n", command->operand);
    fprintf(stream, ".SH DESCRIPTION\n");
    print_roff_paragraphs(stream, command->description);
    if (command->operand != NULL) {
        fprintf(stream, ".TP\n.I %s\n", command->operand);
        options_print_roff(stream, command->operand_help);
        fprintf(stream, "\n");
    }
    fprintf(stream, ".SH OPTIONS\n");
    for (size_t i = 0; i < command->row_count; i++) {
        const struct option_row *row = &command->rows[i];
        char name[64];
        format_name(row, name, sizeof name);
        fprintf(stream, ".TP\n.B \"");
        options_print_roff(stream, name);
        fprintf(stream, "\"\n");
        options_print_roff(stream, row->help);
        const char *value = describe_default(row);
        if (value != NULL) {
            fprintf(stream, "\nDefault: ");
            options_print_roff(stream, value);
            fprintf(stream, ".");
        }
        fprintf(stream, "\n");
    }
    fprintf(stream, ".TP\n.B \\-\\-help\nPrint the help.\n"
                    ".SH \"EXIT STATUS\"\n"
                    "0 for success, 1 for a failure, 2 for wrong usage, "
                    "130 after an interrupt from the keyboard.\n"
                    ".SH \"SEE ALSO\"\n.BR clef (1)\n");
}
