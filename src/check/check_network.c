// SPDX-License-Identifier: Apache-2.0
// Rows with the shapes, orders of rows and fusions that a network asks for.
#include "check/check_internal.h"
#include "core/error.h"

#include <stdlib.h>
#include <string.h>

static clef_status grow(struct check_rows *rows, size_t row_bytes)
{
    if (rows->count < rows->capacity)
        return CLEF_OK;
    int capacity = rows->capacity ? 2 * rows->capacity : 16;
    unsigned char *grown = realloc(rows->rows, (size_t)capacity * row_bytes);
    if (!grown)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for %d rows", capacity);
    rows->rows = grown;
    rows->capacity = capacity;
    return CLEF_OK;
}

static clef_status add_row(void *user, const char *layer, const char *op, const void *args)
{
    struct clef_check *check = user;
    for (int k = 0; k < CHECK_OP_COUNT; k++) {
        const struct check_case *check_case = check_cases[k];
        if (strcmp(check_case->op, op) != 0)
            continue;
        struct check_rows *rows = &check->network[k];
        size_t bytes = check_case->row_bytes;
        CLEF_TRY(grow(rows, bytes));
        unsigned char *row = rows->rows + (size_t)rows->count * bytes;
        memset(row, 0, bytes);
        if (!check_case->take(args, row))
            return clef_fail(CLEF_UNSUPPORTED, "layer \"%s\": no row can check this %s", layer, op);
        for (int i = 0; i < rows->count; i++)
            if (memcmp(rows->rows + (size_t)i * bytes, row, bytes) == 0)
                return CLEF_OK;
        rows->count++;
        return CLEF_OK;
    }
    return clef_fail(CLEF_UNSUPPORTED, "layer \"%s\": there is no check of %s", layer, op);
}

clef_status clef_check_add_network(struct clef_check *check, struct clef_model *model,
                                   int batch_size, bool training)
{
    return clef_model_visit_ops(model, batch_size, training, add_row, check);
}
