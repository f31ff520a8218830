// SPDX-License-Identifier: Apache-2.0
#include "clef/checkpoint.h"

#include "core/error.h"
#include "model/model_file.h"
#include "train/checkpoint_json.h"

#include <stdlib.h>
#include <string.h>

// The keys of the metadata beside those of a model.
#define TRAINING "training"
#define NOTES "notes"

clef_status clef_checkpoint_save(struct clef_model *model, const struct clef_checkpoint *checkpoint,
                                 const char *path)
{
    char *training = checkpoint_to_json(checkpoint);
    if (training == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the checkpoint \"%s\"", path);
    const struct clef_safetensors_string metadata[] = {
        CLEF_SAFETENSORS_CHECKSUM, {TRAINING, training}, {NOTES, checkpoint->notes}};
    const struct clef_model_extra extra = {.optimiser = true,
                                           .metadata = metadata,
                                           .metadata_count = checkpoint->notes != NULL ? 3 : 2};
    clef_status status = clef_model_write_file(model, checkpoint->config.batch_size, &extra, path);
    free(training);
    return status;
}

// Opens a file whose every byte is as it was written.
static clef_status open_whole(const char *path, struct clef_safetensors **file)
{
    CLEF_TRY(clef_safetensors_open(path, file));
    clef_status status = clef_safetensors_verify(*file);
    if (status != CLEF_OK)
        clef_safetensors_close(*file);
    return status;
}

static clef_status read_metadata(const struct clef_safetensors *file,
                                 struct clef_checkpoint *checkpoint)
{
    const char *training = clef_safetensors_metadata(file, TRAINING);
    const char *notes = clef_safetensors_metadata(file, NOTES);
    if (training == NULL)
        return clef_fail(CLEF_FORMAT, "the metadata has no \"" TRAINING
                                      "\": a model, but no checkpoint of a training");
    clef_status status = checkpoint_from_json(training, checkpoint);
    if (status != CLEF_OK)
        return clef_fail_in(status, "the metadata's \"" TRAINING "\"");
    CLEF_TRY(clef_model_read_step(file, &checkpoint->step));
    if (notes != NULL && (checkpoint->notes = strdup(notes)) == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the notes");
    return CLEF_OK;
}

clef_status clef_checkpoint_read(const char *path, struct clef_checkpoint **checkpoint)
{
    struct clef_safetensors *file;
    *checkpoint = NULL;
    CLEF_TRY(open_whole(path, &file));
    struct clef_checkpoint *made = calloc(1, sizeof *made);
    clef_status status = made != NULL ? read_metadata(file, made)
                                      : clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a checkpoint");
    clef_safetensors_close(file);
    if (status != CLEF_OK) {
        clef_checkpoint_destroy(made);
        return clef_fail_in(status, "%s", path);
    }
    *checkpoint = made;
    return CLEF_OK;
}

void clef_checkpoint_destroy(struct clef_checkpoint *checkpoint)
{
    if (checkpoint == NULL)
        return;
    free(checkpoint->epochs);
    free(checkpoint->notes);
    free(checkpoint);
}

clef_status clef_checkpoint_restore(const char *path, struct clef_device *device,
                                    struct clef_model **model)
{
    struct clef_safetensors *file;
    *model = NULL;
    CLEF_TRY(open_whole(path, &file));
    clef_status status = clef_model_read_file(device, file, model, NULL);
    if (status == CLEF_OK)
        status = clef_model_read_optimiser(*model, file);
    clef_safetensors_close(file);
    if (status == CLEF_OK)
        return CLEF_OK;
    clef_model_destroy(*model);
    *model = NULL;
    return clef_fail_in(status, "%s", path);
}

static clef_status compare(const char *what, const struct clef_dataset_identity *expected,
                           const struct clef_dataset *dataset)
{
    const struct clef_dataset_identity found = clef_dataset_identify(dataset);
    const struct clef_dataset_shape *a = &expected->shape, *b = &found.shape;
    bool as_many = memcmp(a, b, sizeof *a) == 0;
    if (as_many && memcmp(expected->digest, found.digest, sizeof found.digest) == 0)
        return CLEF_OK;
    if (as_many)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the %s images or labels are others than those of the checkpoint, though "
                         "they are as many: use the data that the training began with",
                         what);
    return clef_fail(CLEF_INVALID_ARGUMENT,
                     "the checkpoint is of %d %s images of %d x %d x %d in %d classes, but these "
                     "are %d of %d x %d x %d in %d: use the data that the training began with",
                     a->count, what, a->height, a->width, a->channels, a->classes, b->count,
                     b->height, b->width, b->channels, b->classes);
}

clef_status clef_checkpoint_check_data(const struct clef_checkpoint *checkpoint,
                                       const struct clef_dataset *training,
                                       const struct clef_dataset *validation)
{
    CLEF_TRY(compare("training", &checkpoint->training, training));
    return compare("validation", &checkpoint->validation, validation);
}
