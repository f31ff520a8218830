// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_program.h"
#include "opencl/ocl_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// OpenCL C 1.2; no warnings, which some drivers print on their own; and division and square root as
// exact as C's where the device can.
#define COMMON_OPTIONS "-cl-std=CL1.2 -w"
#define EXACT_DIVISION " -cl-fp32-correctly-rounded-divide-sqrt"

// One that has been built; the context has a list of them.
struct ocl_program {
    struct ocl_program *next;
    const struct ocl_source *source;
    char *options;
    cl_program program;
    bool from_cache, saved;
    bool has_kernel; // One was made; before that there may be nothing worth keeping.
};

static const struct ocl_source *find_source(const char *name)
{
    for (const struct ocl_source *source = ocl_sources; source->name; source++)
        if (strcmp(source->name, name) == 0)
            return source;
    return NULL;
}

// The log may be long; the first lines, where the first error is, go into the message.
static clef_status build_failure(struct ocl_context *ocl, cl_program program, cl_int code,
                                 const struct ocl_source *source, const char *options)
{
    size_t size = 0;
    ocl_api.clGetProgramBuildInfo(program, ocl->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    char *log = calloc(size + 1, 1);
    if (log && size > 0)
        ocl_api.clGetProgramBuildInfo(program, ocl->device, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    clef_status status = ocl_fail(code, "clBuildProgram", "cl/%s.cl with \"%s\": %.1200s",
                                  source->name, options, log && *log ? log : "no build log");
    free(log);
    return status;
}

static clef_status build(struct ocl_context *ocl, const struct ocl_source *source,
                         const char *options, cl_program *result)
{
    cl_int code;
    cl_program program = ocl_api.clCreateProgramWithSource(
        ocl->context, 1, (const char *[]){source->text}, (const size_t[]){source->length}, &code);
    if (!program)
        return ocl_fail(code, "clCreateProgramWithSource", "cl/%s.cl, %zu bytes", source->name,
                        source->length);
    ocl->compiled++;
    ocl_notice(ocl, CLEF_NOTICE_PROGRESS, "compiling cl/%s.cl, program %d", source->name,
               ocl->compiled);
    code = ocl_api.clBuildProgram(program, 1, &ocl->device, options, NULL, NULL);
    ocl_notice(ocl, CLEF_NOTICE_PROGRESS, "%s", "");
    if (code != CL_SUCCESS) {
        clef_status status = build_failure(ocl, program, code, source, options);
        ocl_api.clReleaseProgram(program);
        return status;
    }
    *result = program;
    return CLEF_OK;
}

// From the cache, or from its source.
static clef_status load_or_build(struct ocl_context *ocl, struct ocl_program *program)
{
    program->from_cache = program->saved =
        ocl_cache_load(ocl, program->source, program->options, &program->program);
    if (program->from_cache) {
        ocl->loaded++;
        return CLEF_OK;
    }
    CLEF_TRY(build(ocl, program->source, program->options, &program->program));
    ocl->unsaved++;
    return CLEF_OK;
}

// The program of a source and options, built if it is new.
static clef_status find_program(struct ocl_context *ocl, const char *name, const char *options,
                                struct ocl_program **result)
{
    const struct ocl_source *source = find_source(name);
    if (!source)
        return clef_fail(CLEF_INVALID_ARGUMENT, "there is no cl/%s.cl in this library", name);
    char *all = NULL;
    if (asprintf(&all, COMMON_OPTIONS "%s%s%s", ocl->caps.exact_division ? EXACT_DIVISION : "",
                 options && *options ? " " : "", options ? options : "") < 0)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the options of cl/%s.cl", name);
    for (struct ocl_program *p = ocl->programs; p; p = p->next)
        if (p->source == source && strcmp(p->options, all) == 0) {
            free(all);
            *result = p;
            return CLEF_OK;
        }
    struct ocl_program *added = calloc(1, sizeof *added);
    if (!added) {
        free(all);
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for cl/%s.cl", name);
    }
    *added = (struct ocl_program){.next = ocl->programs, .source = source, .options = all};
    clef_status status = load_or_build(ocl, added);
    if (status != CLEF_OK) {
        free(added);
        free(all);
        return status;
    }
    ocl->programs = added;
    *result = added;
    return CLEF_OK;
}

// Takes the place of a binary that the driver accepted but that has no kernels.
static clef_status rebuild(struct ocl_context *ocl, struct ocl_program *program)
{
    cl_program fresh = NULL;
    CLEF_TRY(build(ocl, program->source, program->options, &fresh));
    ocl_api.clReleaseProgram(program->program);
    program->program = fresh;
    program->from_cache = program->saved = false;
    ocl->loaded--;
    ocl->unsaved++;
    return CLEF_OK;
}

clef_status ocl_kernel_create(struct ocl_context *ocl, const char *source, const char *options,
                              const char *name, cl_kernel *kernel)
{
    struct ocl_program *program = NULL;
    CLEF_TRY(find_program(ocl, source, options, &program));
    cl_int code;
    *kernel = ocl_api.clCreateKernel(program->program, name, &code);
    if (!*kernel && program->from_cache) {
        CLEF_TRY(rebuild(ocl, program));
        *kernel = ocl_api.clCreateKernel(program->program, name, &code);
    }
    program->has_kernel = ocl->unsettled = *kernel != NULL;
    if (!*kernel)
        return ocl_fail(code, "clCreateKernel", "%s of cl/%s.cl with \"%s\"", name, source,
                        program->options);
    return CLEF_OK;
}

static clef_status ask_kernel(const struct ocl_context *ocl, cl_kernel kernel, const char *name,
                              size_t group, bool *takes)
{
    size_t limit = 0;
    cl_ulong local_memory = 0;
    OCL_TRY(clGetKernelWorkGroupInfo,
            (kernel, ocl->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit, &limit, NULL), "%s",
            name);
    OCL_TRY(
        clGetKernelWorkGroupInfo,
        (kernel, ocl->device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local_memory, &local_memory, NULL),
        "%s", name);
    *takes = group <= limit && local_memory <= ocl->caps.local_memory;
    return CLEF_OK;
}

clef_status ocl_kernel_takes(struct ocl_context *ocl, const char *source, const char *options,
                             const char *name, size_t group, bool *takes)
{
    cl_kernel kernel;
    *takes = group <= ocl->caps.max_group && group <= ocl->caps.max_items[0];
    if (!*takes)
        return CLEF_OK;
    CLEF_TRY(ocl_kernel_create(ocl, source, options, name, &kernel));
    clef_status status = ask_kernel(ocl, kernel, name, group, takes);
    ocl_api.clReleaseKernel(kernel);
    return status;
}

clef_status ocl_kernel_lanes(struct ocl_context *ocl, const char *source, const char *name,
                             const char *others, size_t wanted, char *options, size_t size,
                             size_t *lanes)
{
    bool takes = false;
    for (*lanes = ocl_group_size(ocl, wanted);; *lanes /= 2) {
        snprintf(options, size, "%s%s-D LANES=%zu", others, *others ? " " : "", *lanes);
        if (*lanes == 1) // Which every device takes.
            return CLEF_OK;
        CLEF_TRY(ocl_kernel_takes(ocl, source, options, name, *lanes, &takes));
        if (takes)
            return CLEF_OK;
    }
}

void ocl_programs_save(struct ocl_context *ocl)
{
    bool settled = !ocl->unsettled;
    ocl->unsettled = false;
    if (!settled || ocl->unsaved == 0)
        return;
    // PoCL 3.1 compiles a program's kernels once more to hand out its binary, mistakes these for
    // the ones that run, and aborts when one of those ends: so nothing may run.
    if (ocl->queue && ocl_api.clFinish(ocl->queue) != CL_SUCCESS)
        return;
    for (struct ocl_program *p = ocl->programs; p && ocl->unsaved > 0; p = p->next) {
        if (p->saved || !p->has_kernel)
            continue;
        ocl_cache_save(ocl, p->source, p->options, p->program);
        p->saved = true;
        ocl->unsaved--;
    }
}

void ocl_programs_release(struct ocl_context *ocl)
{
    while (ocl->programs) {
        struct ocl_program *program = ocl->programs;
        ocl->programs = program->next;
        ocl_api.clReleaseProgram(program->program);
        free(program->options);
        free(program);
    }
}
