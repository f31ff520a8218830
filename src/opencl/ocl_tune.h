// SPDX-License-Identifier: Apache-2.0
// Tuning: the backend's entry, and the search for CLBlast's parameters.
#ifndef CLEF_OCL_TUNE_H
#define CLEF_OCL_TUNE_H

#include "opencl/ocl_tune_case.h"
#include "opencl/ocl_tuned.h"

// The backend's entry, see backend.h.
clef_status ocl_tune(void *context, struct clef_plan *const *plans, int plan_count,
                     const struct clef_tune_options *options, struct clef_tune_report *report);

// Of each case by CLBlast.
struct ocl_tune_clblast_times {
    double before, after; // With its own parameters, and with those that were found.
};

// Looks for parameters with which CLBlast solves the cases, the costliest of which come first, in
// the least time, until the clock shows `deadline`. *params has no kernel if its own are the best;
// `times` has an entry for each case, whose `before` the caller has measured. Counts what it tried
// in the report.
clef_status ocl_tune_clblast(struct ocl_context *ocl, struct ocl_tune_case *cases, int count,
                             double deadline, struct ocl_clblast_params *params,
                             struct ocl_tune_clblast_times *times, struct clef_tune_report *report);

#endif
