// SPDX-License-Identifier: Apache-2.0
#include "ops/conv2d_choice.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
#define NAME(id, name) [CLEF_CONV2D_##id] = name,
    CLEF_CONV2D_ALGORITHM_LIST(NAME)
#undef NAME
};

static const struct {
    const char *name;
    enum clef_op op;
} passes[] = {
    {"forward", CLEF_OP_conv2d_forward},
    {"backward_data", CLEF_OP_conv2d_backward_data},
    {"backward_weights", CLEF_OP_conv2d_backward_weights},
};
#define PASS_COUNT (sizeof passes / sizeof passes[0])

// A part of the variable's text.
struct part {
    const char *text;
    size_t length;
};

static bool is_same(struct part part, const char *name)
{
    return strlen(name) == part.length && strncmp(part.text, name, part.length) == 0;
}

static enum clef_conv2d_algorithm find(struct part part)
{
    for (int i = CLEF_CONV2D_DEFAULT + 1; i < CLEF_CONV2D_ALGORITHM_COUNT; i++)
        if (is_same(part, names[i]))
            return (enum clef_conv2d_algorithm)i;
    return CLEF_CONV2D_DEFAULT;
}

enum clef_conv2d_algorithm clef_conv2d_find_algorithm(const char *name)
{
    return name ? find((struct part){name, strlen(name)}) : CLEF_CONV2D_DEFAULT;
}

const char *clef_conv2d_algorithm_name(enum clef_conv2d_algorithm algorithm)
{
    return names[algorithm];
}

// One item of the list: ALGORITHM or PASS=ALGORITHM.
static clef_status read_item(struct part item, enum clef_op op,
                             enum clef_conv2d_algorithm *algorithm)
{
    const char *equals = memchr(item.text, '=', item.length);
    struct part pass = {item.text, equals ? (size_t)(equals - item.text) : 0}, name = item;
    bool is_meant = !equals;
    if (equals) {
        name = (struct part){equals + 1, item.length - pass.length - 1};
        size_t p = 0;
        while (p < PASS_COUNT && !is_same(pass, passes[p].name))
            p++;
        if (p == PASS_COUNT)
            return clef_fail(CLEF_INVALID_ARGUMENT,
                             "CLEF_CONV: \"%.*s\" is none of forward, backward_data and "
                             "backward_weights",
                             (int)pass.length, pass.text);
        is_meant = passes[p].op == op;
    }
    enum clef_conv2d_algorithm found = find(name);
#define LISTED(id, listed) " " listed
    if (found == CLEF_CONV2D_DEFAULT)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "CLEF_CONV: \"%.*s\" is none of" CLEF_CONV2D_ALGORITHM_LIST(LISTED),
                         (int)name.length, name.text);
#undef LISTED
    if (is_meant)
        *algorithm = found;
    return CLEF_OK;
}

clef_status clef_conv2d_choice(enum clef_op op, enum clef_conv2d_algorithm *algorithm)
{
    const char *next = getenv("CLEF_CONV");
    *algorithm = CLEF_CONV2D_DEFAULT;
    while (next && *next) {
        struct part item = {next, strcspn(next, ",")};
        CLEF_TRY(read_item(item, op, algorithm));
        next += item.length;
        next += *next == ',';
    }
    return CLEF_OK;
}
