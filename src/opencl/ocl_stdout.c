// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_stdout.h"

#include <stdlib.h>
#include <unistd.h>

#define MAX_TEXT 65536 // Bytes; a longer log is cut off.

void ocl_stdout_capture(struct ocl_stdout *captured)
{
    fflush(stdout);
    captured->file = tmpfile();
    if (!captured->file)
        return;
    captured->standard = dup(STDOUT_FILENO);
    if (captured->standard < 0 || dup2(fileno(captured->file), STDOUT_FILENO) < 0) {
        if (captured->standard >= 0)
            close(captured->standard);
        fclose(captured->file);
        captured->file = NULL;
    }
}

static char *read_text(FILE *file)
{
    char *text = calloc(MAX_TEXT + 1, 1);
    rewind(file);
    if (text && fread(text, 1, MAX_TEXT, file) == 0) {
        free(text);
        text = NULL;
    }
    return text;
}

char *ocl_stdout_release(struct ocl_stdout *captured, bool forward)
{
    if (!captured->file)
        return NULL;
    fflush(stdout);
    (void)dup2(captured->standard, STDOUT_FILENO); // Both are open: it cannot fail.
    close(captured->standard);
    char *text = read_text(captured->file);
    fclose(captured->file);
    if (text && forward)
        fputs(text, stderr);
    return text;
}
