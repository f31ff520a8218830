// SPDX-License-Identifier: Apache-2.0
// What tuning has found for a device and its driver: the choice for each convolution, and CLBlast's
// parameters. It lives in a JSON file in clef/tuned below $XDG_CACHE_HOME or ~/.cache, is loaded
// when the device is opened, and changes speed alone: a file that is damaged, or of another
// version of the driver, is ignored with a warning. CLEF_TUNED=off does not look for it.
#ifndef CLEF_OCL_TUNED_H
#define CLEF_OCL_TUNED_H

#include "opencl/ocl_clblast_params.h"
#include "opencl/ocl_conv2d_problem.h"

struct ocl_tuned_choice {
    char key[OCL_CONV2D_KEY_SIZE];
    const char *choice; // One of ocl_conv2d_alternatives.
};

struct ocl_tuned {
    struct ocl_tuned_choice *choices;
    int choice_count;
    struct ocl_clblast_params clblast;
};

// Whose file it is.
struct ocl_identity {
    char platform[256], device[256], driver[256], version[256];
};

// Loads what there is for the context's device into `ocl->tuned`.
void ocl_tuned_load(struct ocl_context *ocl);

// Reads a file into `ocl->tuned`. A file that is damaged or another's is CLEF_FORMAT.
clef_status ocl_tuned_read(struct ocl_context *ocl, const struct ocl_identity *id,
                           const char *path);

// Saves it for later runs; the file appears whole or not at all. `path` becomes that of the file.
clef_status ocl_tuned_save(const struct ocl_context *ocl, const struct ocl_tuned *tuned, char *path,
                           size_t size);

// NULL is accepted.
void ocl_tuned_free(struct ocl_tuned *tuned);

// The choice for a problem; NULL if there is none.
const char *ocl_tuned_choice(const struct ocl_context *ocl,
                             const struct ocl_conv2d_problem *problem);

#endif
