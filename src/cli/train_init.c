// SPDX-License-Identifier: Apache-2.0
#include "cli/train_init.h"

void train_init_print(FILE *stream, const char *path, const struct clef_weights_found *found,
                      int classes)
{
    fprintf(stream, "Weights: %s, in the layout of %s\n", path, found->layout);
    if (found->file_classes > 0)
        fprintf(stream, "  %s starts anew: in the file it is for %d classes, here for %d\n",
                found->head, found->file_classes, classes);
}
