// SPDX-License-Identifier: Apache-2.0
#include "clef/trainer.h"
#include "core/error.h"
#include "train/pass.h"

clef_status clef_evaluate(struct clef_model *model, const struct clef_dataset *dataset,
                          int batch_size, const struct clef_train_callbacks *callbacks,
                          struct clef_evaluation *result)
{
    if (model == NULL || dataset == NULL || result == NULL)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "evaluation needs a model, a data set and room for its result");
    struct clef_dataset_shape shape = clef_dataset_get_shape(dataset);
    struct train_pass pass = {.model = model, .callbacks = callbacks};
    struct train_totals totals = {0};
    CLEF_TRY(train_prepare(model, dataset, batch_size, false));
    CLEF_TRY(train_create_loader(model, dataset, batch_size, &pass.loader));
    clef_status status = train_pass_run(&pass, NULL, shape.count, &totals);
    clef_batch_loader_destroy(pass.loader);
    if (status != CLEF_OK)
        return status;
    result->loss = train_mean_loss(&totals);
    result->accuracy = train_mean_accuracy(&totals);
    return CLEF_OK;
}
