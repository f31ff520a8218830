// SPDX-License-Identifier: Apache-2.0
// What is run on Oclgrind beside the op tests: the kernels of cl/peak.cl, "peak", and faults that
// Oclgrind must report, by their names below. Exit code 0, as a program ends that notices nothing.
#include "clef/clef.h"
#include "opencl/ocl_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLOATS = 256, GROUP = 64 };

// Each reads and writes 64 floats at most, in one group.
static const struct fault {
    const char *name, *source;
} faults[] = {
    {"read-out-of-bounds", "kernel void fault(global float *a)"
                           "{ size_t i = get_global_id(0); a[i] = a[i + 193]; }"},
    {"write-out-of-bounds", "kernel void fault(global float *a)"
                            "{ size_t i = get_global_id(0); a[i == 63 ? 256 : i] = 1; }"},
    {"local-out-of-bounds", "kernel void fault(global float *a)"
                            "{ local float s[64]; size_t i = get_local_id(0); s[i + 1] = 1;"
                            "  barrier(CLK_LOCAL_MEM_FENCE); a[i] = s[i]; }"},
    {"uninitialised", "kernel void fault(global float *a)"
                      "{ local float s[64]; size_t i = get_local_id(0); if (i < 63) s[i] = 1;"
                      "  barrier(CLK_LOCAL_MEM_FENCE); a[i] = s[i] > 0 ? 1 : 2; }"},
    {"race", "kernel void fault(global float *a)"
             "{ local float s[64]; size_t i = get_local_id(0); s[i] = 0;"
             "  barrier(CLK_LOCAL_MEM_FENCE); s[i] = i; a[i] = s[63 - i]; }"},
    {"call", "kernel void fault(global float *a) { a[get_global_id(0)] = 1; }"},
};
enum { FAULTS = sizeof faults / sizeof faults[0] };

// A launch with nothing between us and the driver, since a plan would refuse some of these faults.
static bool run_fault(struct ocl_context *ocl, cl_mem memory, const struct fault *fault)
{
    size_t items = FLOATS / 4, group = strcmp(fault->name, "call") == 0 ? 3 : GROUP;
    cl_int code;
    const char *source = fault->source;
    cl_program program = ocl_api.clCreateProgramWithSource(ocl->context, 1, &source, NULL, &code);
    if (!program || ocl_api.clBuildProgram(program, 1, &ocl->device, "", NULL, NULL) != CL_SUCCESS)
        return false;
    cl_kernel kernel = ocl_api.clCreateKernel(program, "fault", &code);
    bool ran = kernel && !ocl_api.clSetKernelArg(kernel, 0, sizeof memory, &memory);
    if (ran) // That the call fails is what the fault "call" is about.
        ocl_api.clEnqueueNDRangeKernel(ocl->queue, kernel, 1, NULL, &items, &group, 0, NULL, NULL);
    ran = ran && !ocl_api.clFinish(ocl->queue);
    ocl_api.clReleaseKernel(kernel);
    ocl_api.clReleaseProgram(program);
    return ran;
}

// As ocl_peak.c launches them, but not for long.
static clef_status run_peak(struct ocl_context *ocl, const struct clef_tensor *memory)
{
    struct ocl_plan *build = ocl_plan_begin(ocl);
    for (int width = 1; width <= 16; width *= 4) {
        char options[64];
        snprintf(options, sizeof options, "-D WIDTH=%d -D CHAINS=12", width);
        ocl_plan_launch(
            build, &(struct ocl_launch){.source = "peak",
                                        .kernel = "fma_chains",
                                        .options = options,
                                        .global = {GROUP},
                                        .local = {GROUP},
                                        .args = {OCL_TENSOR(memory), OCL_FLOAT(2), OCL_INT(3)}});
        ocl_plan_launch(
            build, &(struct ocl_launch){.source = "peak",
                                        .kernel = "triad",
                                        .options = options,
                                        .global = {FLOATS / 16},
                                        .args = {OCL_PART(memory, 0), OCL_PART(memory, FLOATS / 4),
                                                 OCL_PART(memory, FLOATS / 2), OCL_FLOAT(3)}});
    }
    struct clef_plan *plan;
    CLEF_TRY(ocl_plan_end(build, &plan));
    double seconds;
    clef_status status = ocl_run_timed(ocl, plan, NULL, &seconds);
    plan->destroy(plan);
    return status;
}

static clef_status run(struct clef_device *device, const char *name)
{
    struct clef_buffer *buffer;
    clef_status status = clef_buffer_create(device, FLOATS * sizeof(float), &buffer);
    if (status != CLEF_OK)
        return status;
    struct clef_tensor memory = clef_tensor_vector(buffer, 0, FLOATS);
    if (strcmp(name, "peak") == 0)
        status = run_peak(clef_device_context(device), &memory);
    for (int i = 0; i < FAULTS; i++)
        if (strcmp(name, faults[i].name) == 0 &&
            !run_fault(clef_device_context(device), ocl_buffer(buffer)->memory, &faults[i]))
            status = clef_fail(CLEF_DEVICE, "\"%s\" did not run", name);
    if (status == CLEF_OK)
        status = clef_device_synchronize(device);
    clef_buffer_destroy(buffer);
    return status;
}

int main(int argc, char **argv)
{
    struct clef_device *device;
    clef_status status = argc == 2 ? clef_device_open("opencl", NULL, &device)
                                   : clef_fail(CLEF_INVALID_ARGUMENT, "needs one name");
    if (status == CLEF_OK) {
        printf("device %s\n", clef_device_get_info(device)->name);
        status = run(device, argv[1]);
        clef_device_close(device);
    }
    if (status != CLEF_OK)
        fprintf(stderr, "%s\n", clef_last_error());
    return status == CLEF_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
