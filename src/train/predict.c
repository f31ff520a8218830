// SPDX-License-Identifier: Apache-2.0
#include "clef/trainer.h"
#include "core/error.h"
#include "train/pass.h"

// Batch by batch: nothing overlaps, since the logits of each are wanted before the next.
static clef_status predict_batches(struct clef_model *model, struct clef_batch_loader *loader,
                                   const struct clef_train_callbacks *callbacks, float *logits)
{
    size_t classes = (size_t)clef_model_get_config(model)->classes;
    for (;;) {
        struct clef_batch batch;
        CLEF_TRY(clef_batch_loader_next(loader, &batch));
        if (batch.count == 0)
            return CLEF_OK;
        if (train_should_stop(callbacks))
            return clef_fail(CLEF_INTERRUPTED, "stopped on request before all was predicted");
        CLEF_TRY(clef_model_predict(model, &batch, logits));
        CLEF_TRY(clef_batch_loader_release(loader));
        logits += (size_t)batch.count * classes;
    }
}

clef_status clef_predict(struct clef_model *model, const struct clef_dataset *dataset,
                         int batch_size, const struct clef_train_callbacks *callbacks,
                         float *logits)
{
    if (model == NULL || dataset == NULL || logits == NULL)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "prediction needs a model, a data set and room for its logits");
    struct clef_batch_loader *loader;
    CLEF_TRY(train_prepare(model, dataset, batch_size, false));
    CLEF_TRY(train_create_loader(model, dataset, batch_size, &loader));
    clef_status status =
        clef_batch_loader_begin(loader, NULL, clef_dataset_get_shape(dataset).count);
    if (status == CLEF_OK)
        status = predict_batches(model, loader, callbacks, logits);
    clef_batch_loader_destroy(loader);
    return status;
}
