// SPDX-License-Identifier: Apache-2.0
// Calls of OpenCL fail once where transfers run beside the kernels, and where times are measured;
// and what the program says of a fault.
#include "fault_run.h"
#include "support/program.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// Without pinned memory transfers take longer, and all is well.
static void test_transfers_beside(void **state)
{
    static const struct fault faults[] = {
        {"clCreateCommandQueue", CL_OUT_OF_HOST_MEMORY, false, 0},
        {"clCreateBuffer", CL_MEM_OBJECT_ALLOCATION_FAILURE, true, 0},
        {"clEnqueueMapBuffer", CL_MAP_FAILURE, true, 0},
        {"clEnqueueReadBuffer", CL_OUT_OF_RESOURCES, false, 0},
        {"clEnqueueWriteBuffer", CL_OUT_OF_HOST_MEMORY, false, 0},
        {"clRetainEvent", CL_OUT_OF_HOST_MEMORY, false, 0},
        {"clEnqueueBarrierWithWaitList", CL_OUT_OF_RESOURCES, false, 0},
        {"clEnqueueMarkerWithWaitList", CL_OUT_OF_RESOURCES, false, 0},
        {"clFlush", CL_OUT_OF_RESOURCES, false, 0},
        {"clWaitForEvents", CL_OUT_OF_RESOURCES, false, 0},
        {"clEnqueueNDRangeKernel", CL_OUT_OF_RESOURCES, false, 5},
        {0}};
    setenv("CLEF_OPENCL_TRANSFERS", "beside", 1);
    check_faults(state, NULL, faults);
}

static void test_profiled(void **state)
{
    static const struct fault faults[] = {
        {"clCreateCommandQueue", CL_OUT_OF_HOST_MEMORY, false, 0},
        {"clEnqueueNDRangeKernel", CL_OUT_OF_RESOURCES, false, 5},
        {"clWaitForEvents", CL_OUT_OF_RESOURCES, false, 5},
        {"clGetEventProfilingInfo", CL_PROFILING_INFO_NOT_AVAILABLE, false, 11},
        {"clFinish", CL_OUT_OF_RESOURCES, true, 5}, // A device that is closed has nobody to tell.
        {0}};
    check_faults(state, &(struct clef_device_options){.profile = true}, faults);
}

static void test_waiting_after_each_kernel(void **state)
{
    static const struct fault faults[] = {{"clFinish", CL_OUT_OF_RESOURCES, true, 5}, {0}};
    check_faults(state, &(struct clef_device_options){.sync = true}, faults);
}

// The program says it in one line, ends with 1, and leaves no model.
static void test_program(void **state)
{
    static const char *const faults[][2] = {
        {"clCreateContext:1:-2", "clCreateContext: CL_DEVICE_NOT_AVAILABLE (-2), device \""},
        {"clCreateBuffer:2:-4", "clCreateBuffer: CL_MEM_OBJECT_ALLOCATION_FAILURE (-4), "},
        {"clEnqueueNDRangeKernel:50:-5", "clEnqueueNDRangeKernel: CL_OUT_OF_RESOURCES (-5), "},
        {"clEnqueueReadBuffer:3:-5", "clEnqueueReadBuffer: CL_OUT_OF_RESOURCES (-5), "},
        {"clBuildProgram:3:-11", "clBuildProgram: CL_BUILD_PROGRAM_FAILURE (-11), cl/"},
    };
    write_tiny_data(temp_path(state, "data"));
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        setenv("CLEF_FAIL", faults[i][0], 1);
        struct program_result result =
            RUN_CLEF("train", "--device", "opencl", "--data", temp_path(state, "data"), "--blocks",
                     "1", "--filters", "8", "--head", "avgpool", "--epochs", "2", "--batch-size",
                     "4", "--no-kernel-cache", "--out", temp_path(state, "trained"));
        check_exit(&result, 1);
        check_one_line(&result, faults[i][1]);
        program_release(&result);
        assert_int_equal(-1, access(temp_path(state, "trained/model.safetensors"), F_OK));
    }
}

#define TEST(name) cmocka_unit_test_setup(name, fault_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_transfers_beside),
        TEST(test_profiled),
        TEST(test_waiting_after_each_kernel),
        TEST(test_program),
    };
    return cmocka_run_group_tests(tests, fault_group_setup, fault_group_teardown);
}
