// SPDX-License-Identifier: Apache-2.0
// CLBlast on an open device: its parameters and its one program for matrix products.
//
// CLBlast keeps parameters and programs for the whole process. Its first product on a context
// compiles, which takes seconds, is not safe against a second thread, and tells errors on the
// standard output: it is done here, once for each context, by one thread at a time, and what was
// printed becomes the message of the error.
#ifndef CLEF_OCL_CLBLAST_H
#define CLEF_OCL_CLBLAST_H

#include "opencl/ocl_clblast_params.h"

// To be held around every other call of CLBlast.
void ocl_clblast_lock(void);
void ocl_clblast_unlock(void);

// The parameters for a device: those that were tuned, and what small groups demand besides.
struct ocl_clblast_params ocl_clblast_first_params(const struct ocl_context *ocl);

// Opens the library and hands it the parameters for this device. No kernel is built yet.
clef_status ocl_clblast_open(struct ocl_context *ocl);

// Also compiles what matrix products need.
clef_status ocl_clblast_build(struct ocl_context *ocl);

// Takes other parameters from now on, of the kernels that `params` has, and compiles anew.
clef_status ocl_clblast_rebuild(struct ocl_context *ocl, const struct ocl_clblast_params *params);

// Forgets the context's programs, which otherwise would keep it alive. Harmless if it never used
// CLBlast.
void ocl_clblast_close(struct ocl_context *ocl);

#endif
