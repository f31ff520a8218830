// SPDX-License-Identifier: Apache-2.0
// Buffers, transfers, times and errors of an OpenCL device.
#include "clef/clef.h"
#include "opencl/ocl_error.h"
#include "support/expect.h"

#include <stdio.h>
#include <stdlib.h>

static struct clef_device *open_device(const struct clef_device_options *options)
{
    struct clef_device *device;
    EXPECT_OK(clef_device_open("opencl", options, &device));
    return device;
}

// With transfers on the queue of the kernels, and beside it.
static const char *const transfers[] = {"between", "beside"};

static void test_buffers_hold_bytes(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 3, 63, 4096, (1 << 20) + 5, (17 << 20) + 1};
    for (size_t k = 0; k < 2 * sizeof sizes / sizeof sizes[0]; k++) {
        size_t bytes = sizes[k / 2];
        setenv("CLEF_OPENCL_TRANSFERS", transfers[k % 2], 1);
        struct clef_device *device = open_device(NULL);
        struct clef_buffer *buffer;
        unsigned char *host = malloc(bytes), *copy = malloc(bytes);
        EXPECT_OK(clef_buffer_create(device, bytes, &buffer));
        memset(host, 1, bytes);
        EXPECT_OK(clef_buffer_download(buffer, 0, host, bytes, NULL));
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(0, host[i]);
        for (size_t i = 0; i < bytes; i++)
            host[i] = (unsigned char)(i * 7 + 1);
        struct clef_event *up, *down;
        EXPECT_OK(clef_buffer_upload(buffer, 0, host, bytes, &up));
        EXPECT_OK(clef_buffer_download(buffer, 0, copy, bytes, &down));
        EXPECT_OK(clef_event_wait(down));
        EXPECT_OK(clef_event_wait(up));
        assert_memory_equal(host, copy, bytes);
        unsigned char last = 0x55;
        EXPECT_OK(clef_buffer_upload(buffer, bytes - 1, &last, 1, NULL));
        EXPECT_OK(clef_buffer_download(buffer, bytes / 2, copy, bytes - bytes / 2, NULL));
        assert_int_equal(0x55, copy[bytes - bytes / 2 - 1]);
        free(copy);
        free(host);
        clef_buffer_destroy(buffer);
        clef_device_close(device);
    }
}

enum { ROUNDS = 40, FLOATS = 10000 };

// Each round uploads to the buffer that the kernel of the round before may still be reading.
static void check_order(struct clef_device *device)
{
    static float sent[ROUNDS][FLOATS], got[ROUNDS][FLOATS];
    struct clef_event *up[ROUNDS], *down[ROUNDS];
    struct clef_buffer *from, *to;
    struct clef_plan *plan;
    EXPECT_OK(clef_buffer_create(device, sizeof sent[0], &from));
    EXPECT_OK(clef_buffer_create(device, sizeof sent[0], &to));
    struct clef_tensor src = clef_tensor_vector(from, 0, FLOATS);
    struct clef_tensor dst = clef_tensor_vector(to, 0, FLOATS);
    struct clef_copy_args args = {.src = &src, .dst = &dst};
    EXPECT_OK(clef_plan_copy(device, &args, NULL, NULL, &plan));
    for (int r = 0; r < ROUNDS; r++) {
        for (int i = 0; i < FLOATS; i++)
            sent[r][i] = (float)(r * FLOATS + i);
        EXPECT_OK(clef_buffer_upload(from, 0, sent[r], sizeof sent[r], &up[r]));
        EXPECT_OK(clef_plan_run(plan, NULL));
        EXPECT_OK(clef_buffer_download(to, 0, got[r], sizeof got[r], &down[r]));
        if (r % 3 == 2) // Now and then a blocking transfer of the same buffer.
            EXPECT_OK(clef_buffer_upload(from, 0, sent[0], sizeof sent[0], NULL));
    }
    for (int r = 0; r < ROUNDS; r++) {
        EXPECT_OK(clef_event_wait(up[r]));
        EXPECT_OK(clef_event_wait(down[r]));
    }
    assert_memory_equal(sent, got, sizeof sent);
    clef_plan_destroy(plan);
    clef_buffer_destroy(from);
    clef_buffer_destroy(to);
}

static void test_transfers_and_kernels_keep_their_order(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        setenv("CLEF_OPENCL_TRANSFERS", transfers[k], 1);
        struct clef_device *device = open_device(NULL);
        check_order(device);
        EXPECT_OK(clef_device_synchronize(device));
        clef_device_close(device);
    }
}

static void test_impossible_buffers_are_refused(void **state)
{
    (void)state;
    struct clef_device *device = open_device(NULL);
    const struct clef_device_info *info = clef_device_get_info(device);
    struct clef_buffer *buffer;
    assert_true(info->max_buffer_bytes > 0 && info->memory_bytes >= info->max_buffer_bytes);
    EXPECT_FAILS(clef_buffer_create(device, info->max_buffer_bytes + 1, &buffer),
                 CLEF_OUT_OF_MEMORY, "use a smaller batch");
    assert_null(buffer);
    clef_device_close(device);
}

// Kernels count in int; a batch that is beyond that names one which is not.
static void test_batch_beyond_an_int_names_one_that_fits(void **state)
{
    (void)state;
    struct clef_device *device = open_device(NULL);
    const struct clef_resnet_config config = clef_resnet_default();
    struct clef_model *model;
    struct clef_memory_plan plan;
    EXPECT_OK(clef_model_create_resnet(device, &config, 0, &model));
    EXPECT_FAILS(clef_model_plan_memory(model, 65536, true, &plan), CLEF_OUT_OF_MEMORY,
                 "a batch of 65536 is too large for the device");
    const char *named = strstr(clef_last_error(), "a batch size of ");
    assert_non_null(named);
    int fits = atoi(named + strlen("a batch size of "));
    assert_true(fits >= 1 && fits < 65536);
    EXPECT_OK(clef_model_plan_memory(model, fits, true, &plan));
    clef_model_destroy(model);
    clef_device_close(device);
}

static void test_times_and_peak(void **state)
{
    (void)state;
    struct clef_device *device = open_device(NULL);
    struct clef_device_peak peak = {0};
    EXPECT_OK(clef_device_measure_peak(device, &peak));
    assert_true(peak.flops_per_second > 1e6 && peak.flops_per_second < 1e15);
    assert_true(peak.bytes_per_second > 1e6 && peak.bytes_per_second < 1e14);
    clef_device_close(device);
}

// Runs `fill` three times and `copy` once, in layers of these names.
static void run_profiled(struct clef_device *device)
{
    struct clef_buffer *buffer;
    struct clef_plan *fill, *copy;
    EXPECT_OK(clef_buffer_create(device, 2 * FLOATS * sizeof(float), &buffer));
    struct clef_tensor a = clef_tensor_vector(buffer, 0, FLOATS);
    struct clef_tensor b = clef_tensor_vector(buffer, FLOATS, FLOATS);
    struct clef_fill_args fill_args = {.dst = &a, .value = 2};
    struct clef_copy_args copy_args = {.src = &a, .dst = &b};
    EXPECT_OK(clef_plan_fill(device, &fill_args, NULL, NULL, &fill));
    EXPECT_OK(clef_plan_copy(device, &copy_args, NULL, NULL, &copy));
    clef_plan_set_layer(fill, "first");
    clef_plan_set_layer(copy, "second");
    for (int i = 0; i < 3; i++)
        EXPECT_OK(clef_plan_run(fill, NULL));
    EXPECT_OK(clef_plan_run(copy, NULL));
    float value;
    EXPECT_OK(
        clef_buffer_download(buffer, (2 * FLOATS - 1) * sizeof(float), &value, sizeof value, NULL));
    assert_true(value == 2);
    clef_plan_destroy(fill);
    clef_plan_destroy(copy);
    clef_buffer_destroy(buffer);
}

static void test_profile(void **state)
{
    (void)state;
    const struct clef_profile_row *rows;
    int count;
    struct clef_device *device = open_device(&(struct clef_device_options){.profile = true});
    run_profiled(device);
    clef_device_get_profile(device, &rows, &count);
    assert_int_equal(2, count);
    assert_string_equal("first", rows[0].layer);
    assert_string_equal("fill", rows[0].op);
    assert_int_equal(3, rows[0].runs);
    assert_string_equal("second", rows[1].layer);
    assert_string_equal("copy", rows[1].op);
    assert_int_equal(1, rows[1].runs);
    for (int i = 0; i < 2; i++)
        assert_true(rows[i].seconds > 0 && rows[i].seconds < 60 && rows[i].bytes > 0);
    clef_device_close(device);
    device = open_device(&(struct clef_device_options){.sync = true});
    run_profiled(device);
    clef_device_get_profile(device, &rows, &count);
    assert_int_equal(0, count);
    clef_device_close(device);
}

static void test_codes_have_names(void **state)
{
    (void)state;
    assert_string_equal("CL_MEM_OBJECT_ALLOCATION_FAILURE", ocl_error_name(-4));
    assert_string_equal("CL_PLATFORM_NOT_FOUND_KHR", ocl_error_name(-1001));
    assert_string_equal("CLBlastMissingOverrideParameter", ocl_error_name(-2047));
    // Every code of the headers, and those that drivers add.
    static const int ranges[][2] = {{-72, -30},     {-19, 0},       {-1022, -1007},
                                    {-1001, -1001}, {-2050, -2039}, {-9999, -9999}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        for (int code = ranges[i][0]; code <= ranges[i][1]; code++)
            if (strstr(ocl_error_name(code), "a code that"))
                fail_msg("the code %d has no name", code);
    EXPECT_FAILS(ocl_fail(-4, "clCreateBuffer", "%d bytes", 12), CLEF_OUT_OF_MEMORY,
                 "clCreateBuffer: CL_MEM_OBJECT_ALLOCATION_FAILURE (-4), 12 bytes");
    EXPECT_FAILS(ocl_fail(-48, "clCreateKernel", "%s", "fill"), CLEF_DEVICE,
                 "clCreateKernel: CL_INVALID_KERNEL (-48), fill");
    EXPECT_FAILS(ocl_fail(-9999, "clFinish", "%s", "x"), CLEF_DEVICE, "(-9999)");
}

static int forget_environment(void **state)
{
    (void)state;
    unsetenv("CLEF_OPENCL_TRANSFERS");
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, forget_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_buffers_hold_bytes),
        TEST(test_transfers_and_kernels_keep_their_order),
        TEST(test_impossible_buffers_are_refused),
        TEST(test_batch_beyond_an_int_names_one_that_fits),
        TEST(test_times_and_peak),
        TEST(test_profile),
        TEST(test_codes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
