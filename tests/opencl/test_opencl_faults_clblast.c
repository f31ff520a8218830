// SPDX-License-Identifier: Apache-2.0
// Calls of OpenCL fail once, ours and those that CLBlast makes, when it computes the convolutions.
#include "fault_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
    fault_setup(state);
    return setenv("CLEF_CONV", "clblast", 1);
}

static void test_memory(void **state)
{
    static const struct fault faults[] = {
        {"clCreateBuffer", CL_MEM_OBJECT_ALLOCATION_FAILURE, false, 0},
        {"clCreateSubBuffer", CL_MISALIGNED_SUB_BUFFER_OFFSET, false, 4},
        {"clEnqueueWriteBuffer", CL_OUT_OF_HOST_MEMORY, false, 7},
        {"clFinish", CL_OUT_OF_RESOURCES, true, 0}, // A device that is closed has nobody to tell.
        {0}};
    check_faults(state, NULL, faults);
}

static void test_kernels(void **state)
{
    static const struct fault faults[] = {{"clEnqueueNDRangeKernel", CL_OUT_OF_RESOURCES, false, 3},
                                          {"clSetKernelArg", CL_INVALID_ARG_SIZE, false, 61},
                                          {0}};
    check_faults(state, NULL, faults);
}

// Our own programs come from the cache and are compiled if refused; CLBlast's have no other way.
static void test_programs(void **state)
{
    static const struct fault faults[] = {
        {"clBuildProgram", CL_BUILD_PROGRAM_FAILURE, true, 0},
        {"clCreateProgramWithSource", CL_OUT_OF_HOST_MEMORY, true, 0},
        {"clCreateKernel", CL_OUT_OF_RESOURCES, true, 11},
        {0}};
    check_faults(state, NULL, faults);
}

// The times of --profile come from events, also those of CLBlast's several commands: a marker tells
// where they begin. A run has no other markers.
static void test_profile(void **state)
{
    static const struct fault faults[] = {
        {"clEnqueueMarkerWithWaitList", CL_OUT_OF_RESOURCES, false, 5},
        {"clGetEventProfilingInfo", CL_PROFILING_INFO_NOT_AVAILABLE, false, 47},
        {0}};
    check_faults(state, &(struct clef_device_options){.profile = true}, faults);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_memory),
        TEST(test_kernels),
        TEST(test_programs),
        TEST(test_profile),
    };
    return cmocka_run_group_tests(tests, fault_group_setup, fault_group_teardown);
}
