// SPDX-License-Identifier: Apache-2.0
// Compiled programs kept in files, so that only the first start on a driver compiles.
//
// $XDG_CACHE_HOME/clef/kernels (default ~/.cache) has one file for each program, named by a hash of
// all that the machine code depends on: the source, the options, device, driver, platform and the
// format of the file. What is missing, damaged or refused by the driver is compiled anew: nothing
// here is ever an error.
#ifndef CLEF_OCL_CACHE_H
#define CLEF_OCL_CACHE_H

#include "core/hash.h"
#include "opencl/ocl_program.h"

// Decides whether and where the cache is; call it once when a device is opened.
void ocl_cache_open(struct ocl_context *ocl, const struct clef_device_options *options);
void ocl_cache_close(struct ocl_context *ocl);

// Makes a program from the cache, ready for clCreateKernel; false if it must be compiled.
bool ocl_cache_load(struct ocl_context *ocl, const struct ocl_source *source, const char *options,
                    cl_program *program);

// Keeps a program that was compiled; its kernels should have run, since some drivers complete the
// machine code only then.
void ocl_cache_save(struct ocl_context *ocl, const struct ocl_source *source, const char *options,
                    cl_program program);

// Reads the binary that a file of the cache holds for this key; NULL if the file is not there, for
// another key, or not whole. Release with free.
unsigned char *ocl_cache_read(const char *path, struct clef_hash key, size_t *size);

#endif
