// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_clblast.h"
#include "opencl/ocl_stdout.h"
#include "opencl/ocl_tuned.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// CLBlast's cache throws if two threads put the same program into it, and what looks up a device's
// parameters frees them under another thread that does.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int users; // Contexts of which it may keep programs.

void ocl_clblast_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void ocl_clblast_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

static clef_status override_alone(struct ocl_context *ocl, const struct ocl_clblast_params *params)
{
    ocl_clblast_lock();
    clef_status status = ocl_clblast_override(ocl, params);
    ocl_clblast_unlock();
    return status;
}

// What was tuned decides for the kernels that it has; for the others the device's limits still do.
struct ocl_clblast_params ocl_clblast_first_params(const struct ocl_context *ocl)
{
    struct ocl_clblast_params params = ocl_clblast_small_params(&ocl->caps);
    for (int i = 0; ocl->tuned && i < OCL_CLBLAST_KERNELS; i++) {
        if (!ocl->tuned->clblast.has[i])
            continue;
        params.has[i] = true;
        memcpy(params.values[i], ocl->tuned->clblast.values[i], sizeof params.values[i]);
    }
    return params;
}

// CLBlast keeps parameters for the process, so that a second context sets the same ones once more.
clef_status ocl_clblast_open(struct ocl_context *ocl)
{
    CLEF_TRY(ocl_library_open_clblast());
    if (ocl->has_clblast_params)
        return CLEF_OK;
    struct ocl_clblast_params params = ocl_clblast_first_params(ocl);
    CLEF_TRY(override_alone(ocl, &params));
    ocl->has_clblast_params = true;
    return CLEF_OK;
}

// The smallest product makes CLBlast build the program of all.
static clef_status first_product(struct ocl_context *ocl)
{
    const float zeros[3] = {0};
    cl_int code;
    cl_mem memory =
        ocl_api.clCreateBuffer(ocl->context, CL_MEM_READ_WRITE, sizeof zeros, NULL, &code);
    if (!memory)
        return ocl_fail(code, "clCreateBuffer", "%zu bytes", sizeof zeros);
    code = ocl_api.clEnqueueWriteBuffer(ocl->queue, memory, CL_TRUE, 0, sizeof zeros, zeros, 0,
                                        NULL, NULL);
    if (code == CL_SUCCESS)
        code = (cl_int)ocl_api.CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeNo,
                                            CLBlastTransposeNo, 1, 1, 1, 1.0f, memory, 0, 1, memory,
                                            1, 1, 0.0f, memory, 2, 1, &ocl->queue, NULL);
    if (code == CL_SUCCESS)
        code = ocl_api.clFinish(ocl->queue);
    ocl_api.clReleaseMemObject(memory);
    return code == CL_SUCCESS ? CLEF_OK : ocl_fail(code, "CLBlastSgemm", "the first product");
}

static clef_status build(struct ocl_context *ocl)
{
    struct ocl_stdout captured;
    ocl_notice(ocl, CLEF_NOTICE_PROGRESS, "compiling the matrix products of CLBlast");
    ocl_stdout_capture(&captured);
    clef_status status = first_product(ocl);
    char *log = ocl_stdout_release(&captured, status == CLEF_OK);
    ocl_notice(ocl, CLEF_NOTICE_PROGRESS, "%s", "");
    if (status != CLEF_OK && log && *log)
        clef_fail(status, "%s: %.1200s", clef_last_error(), log);
    free(log);
    return status;
}

static clef_status build_alone(struct ocl_context *ocl)
{
    ocl_clblast_lock();
    // Even a product that fails may leave programs.
    if (!ocl->uses_clblast) {
        ocl->uses_clblast = true;
        users++;
    }
    clef_status status = build(ocl);
    ocl->has_clblast = status == CLEF_OK;
    ocl_clblast_unlock();
    return status;
}

clef_status ocl_clblast_build(struct ocl_context *ocl)
{
    if (ocl->has_clblast)
        return CLEF_OK;
    CLEF_TRY(ocl_clblast_open(ocl));
    return build_alone(ocl);
}

clef_status ocl_clblast_rebuild(struct ocl_context *ocl, const struct ocl_clblast_params *params)
{
    CLEF_TRY(ocl_clblast_open(ocl));
    CLEF_TRY(override_alone(ocl, params));
    return build_alone(ocl);
}

// Programs of other contexts go with the last one only, lest these compile again.
void ocl_clblast_close(struct ocl_context *ocl)
{
    if (!ocl->uses_clblast)
        return;
    ocl_clblast_lock();
    ocl->uses_clblast = false;
    if (--users == 0)
        ocl_api.CLBlastClearCache();
    ocl_clblast_unlock();
}
