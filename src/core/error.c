// SPDX-License-Identifier: Apache-2.0
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE 2048 // Bytes; a longer explanation is cut off.

static _Thread_local char last_error[MESSAGE_SIZE];

// An explanation is one line, even where it quotes a text that has several.
static void join_lines(char *text)
{
    for (char *p = text; *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    for (size_t length = strlen(text); length > 0 && text[length - 1] == ' '; length--)
        text[length - 1] = '\0';
}

int clef_explain(const char *format, ...)
{
    // The arguments may point into the previous explanation, hence the copy.
    char text[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    join_lines(text);
    memcpy(last_error, text, sizeof last_error);
    return 0;
}

clef_status clef_fail_in(clef_status status, const char *format, ...)
{
    char text[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *const parts[] = {": ", last_error};
    for (int i = 0; i < 2; i++)
        strncat(text, parts[i], sizeof text - 1 - strlen(text));
    join_lines(text);
    memcpy(last_error, text, sizeof last_error);
    return status;
}

const char *clef_last_error(void)
{
    return last_error;
}

const char *clef_status_name(clef_status status)
{
    switch (status) {
#define STATUS_NAME(name, meaning) \
    case CLEF_##name:              \
        return #name;
        CLEF_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    }
    return "UNKNOWN";
}

const char *clef_status_meaning(clef_status status)
{
    switch (status) {
#define STATUS_MEANING(name, meaning) \
    case CLEF_##name:                 \
        return meaning;
        CLEF_STATUS_LIST(STATUS_MEANING)
#undef STATUS_MEANING
    }
    return "a status outside the list";
}

const char *clef_version(void)
{
    return CLEF_VERSION;
}
