// SPDX-License-Identifier: Apache-2.0
// Devices, selectors, buffers and tensors.
#include "clef/device.h"
#include "clef/tensor.h"
#include "device/selector.h"
#include "support/expect.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct clef_device *open_cpu(int threads)
{
    struct clef_device *device;
    const struct clef_device_options options = {.threads = threads};
    EXPECT_OK(clef_device_open("cpu", &options, &device));
    return device;
}

static int forget_environment(void **state)
{
    (void)state;
    unsetenv("CLEF_DEVICE");
    unsetenv("CLEF_CPU");
    return 0;
}

// ---------------------------------------------------------------- list and open

static void test_list_has_the_cpu(void **state)
{
    (void)state;
    struct clef_device_info *infos;
    int count, cpus = 0, variants = 0;
    EXPECT_OK(clef_device_list(&infos, &count));
    for (int i = 0; i < count; i++) {
        if (strcmp(infos[i].backend, "cpu") != 0)
            continue;
        if (infos[i].is_variant) {
            assert_true(strncmp(infos[i].selector, "cpu:", 4) == 0);
            variants++;
            continue;
        }
        cpus++;
        assert_string_equal("cpu", infos[i].selector);
        assert_string_equal("", infos[i].unusable);
        assert_true(infos[i].name[0] && infos[i].vendor[0]);
        assert_true(strncmp(infos[i].driver, "plain C, ", 9) == 0);
        assert_true(infos[i].compute_units >= 1);
        assert_true(infos[i].memory_bytes > (uint64_t)16 << 20);
        assert_true(infos[i].filter_panel >= 1);
        assert_false(infos[i].is_gpu);
    }
    assert_int_equal(1, cpus);
    assert_int_equal(3, variants); // What this processor does not have is there with the reason.
    free(infos);
}

static void test_open_by_name_and_environment(void **state)
{
    (void)state;
    const char *const selectors[] = {"cpu", "cpu:0", "auto", "", NULL};
    for (size_t i = 0; i < sizeof selectors / sizeof selectors[0]; i++) {
        struct clef_device *device;
        EXPECT_OK(clef_device_open(selectors[i], NULL, &device));
        EXPECT_OK(clef_device_synchronize(device));
        assert_true(clef_device_get_info(device)->backend[0]);
        clef_device_close(device);
    }
    struct clef_device *device;
    setenv("CLEF_DEVICE", "tpu", 1);
    EXPECT_FAILS(clef_device_open(NULL, NULL, &device), CLEF_NOT_FOUND, "CLEF_DEVICE");
    assert_null(device);
    EXPECT_FAILS(clef_device_open("", NULL, &device), CLEF_NOT_FOUND, "no device \"tpu\"");
    EXPECT_OK(clef_device_open("cpu", NULL, &device)); // A name outranks the environment.
    clef_device_close(device);
    setenv("CLEF_DEVICE", "cpu", 1);
    EXPECT_OK(clef_device_open(NULL, NULL, &device));
    assert_string_equal("cpu", clef_device_get_info(device)->backend);
    clef_device_close(device);
}

static void test_unknown_names_are_refused(void **state)
{
    (void)state;
    const char *const selectors[] = {
        "tpu",     "cpu:1",     "cpu:",       "cpu:no such name",
        "CPU",     "cp",        ":",          "cpu:99999999999999999999",
        "cpu:avx", "cpu:avx2x", "opencl:avx2"};
    for (size_t i = 0; i < sizeof selectors / sizeof selectors[0]; i++) {
        struct clef_device *device;
        EXPECT_FAILS(clef_device_open(selectors[i], NULL, &device), CLEF_NOT_FOUND,
                     "run \"clef devices\" for a list");
        assert_non_null(strstr(clef_last_error(), selectors[i]));
        assert_null(device);
    }
}

static void test_threads_are_checked(void **state)
{
    (void)state;
    struct clef_device *device;
    struct clef_device_options options = {.threads = -1};
    EXPECT_FAILS(clef_device_open("cpu", &options, &device), CLEF_INVALID_ARGUMENT, "-1 threads");
    options.threads = INT_MAX;
    EXPECT_FAILS(clef_device_open("cpu", &options, &device), CLEF_INVALID_ARGUMENT, "threads");
    clef_device_close(open_cpu(5));
}

static void test_instruction_set_is_never_replaced(void **state)
{
    (void)state;
    struct clef_device *device;
    setenv("CLEF_CPU", "baseline", 1);
    EXPECT_OK(clef_device_open("cpu", NULL, &device));
    assert_string_equal("plain C, baseline", clef_device_get_info(device)->driver);
    clef_device_close(device);
    const char *const isas[] = {"avx2", "avx512"};
    for (int i = 0; i < 2; i++) {
        setenv("CLEF_CPU", isas[i], 1);
        clef_status status = clef_device_open("cpu", NULL, &device);
        if (status != CLEF_OK) {
            assert_int_equal(CLEF_UNSUPPORTED, status);
            assert_non_null(strstr(clef_last_error(), isas[i]));
            continue;
        }
        char driver[32];
        snprintf(driver, sizeof driver, "plain C, %s", isas[i]);
        assert_string_equal(driver, clef_device_get_info(device)->driver);
        clef_device_close(device);
    }
    setenv("CLEF_CPU", "sse9", 1);
    EXPECT_FAILS(clef_device_open("cpu", NULL, &device), CLEF_INVALID_ARGUMENT, "CLEF_CPU=sse9");
    struct clef_device_info *infos;
    int count;
    EXPECT_OK(clef_device_list(&infos, &count));
    assert_non_null(strstr(infos[0].unusable, "sse9"));
    free(infos);
}

// Two sets of instructions at once, whatever the environment says of "cpu" itself.
static void test_instruction_set_of_a_device(void **state)
{
    (void)state;
    static const char *const isas[] = {"baseline", "avx2", "avx512"};
    struct clef_device *devices[3] = {NULL};
    setenv("CLEF_CPU", "sse9", 1);
    for (int i = 0; i < 3; i++) {
        char selector[32], text[64];
        snprintf(selector, sizeof selector, "cpu:%s", isas[i]);
        clef_status status = clef_device_open(selector, NULL, &devices[i]);
        if (status != CLEF_OK) {
            assert_true(i > 0);
            assert_int_equal(CLEF_UNSUPPORTED, status);
            snprintf(text, sizeof text, "%s: this ", selector);
            assert_non_null(strstr(clef_last_error(), text));
            continue;
        }
        snprintf(text, sizeof text, "plain C, %s", isas[i]);
        assert_string_equal(text, clef_device_get_info(devices[i])->driver);
        assert_string_equal(selector, clef_device_get_info(devices[i])->selector);
    }
    struct clef_device *plain;
    EXPECT_FAILS(clef_device_open("cpu", NULL, &plain), CLEF_INVALID_ARGUMENT, "CLEF_CPU=sse9");
    for (int i = 0; i < 3; i++)
        clef_device_close(devices[i]);
}

static void test_close_accepts_null(void **state)
{
    (void)state;
    clef_device_close(NULL);
    clef_buffer_destroy(NULL);
    EXPECT_OK(clef_event_wait(NULL));
}

// ---------------------------------------------------------------- selectors

#define PLACE(platform, device) .platform_index = (platform), .platform_device = (device)
static const struct clef_device_info listed[] = {
    {.backend = "cpu", .selector = "cpu", .name = "Some processor", PLACE(-1, -1)},
    {.backend = "opencl",
     .selector = "opencl:0",
     .name = "Radeon RX 6800",
     PLACE(0, 0),
     .is_gpu = true,
     .unusable = "Too old."},
    {.backend = "opencl",
     .selector = "opencl:1",
     .name = "Radeon RX 7900",
     PLACE(0, 1),
     .is_gpu = true},
    {.backend = "opencl", .selector = "opencl:2", .name = "Some processor", PLACE(1, 0)},
};

static const struct clef_device_info variants[] = {
    {.backend = "cpu", .selector = "cpu", .name = "Some processor", .unusable = "It is not there."},
    {.backend = "cpu", .selector = "cpu:fast", .name = "Some processor", .is_variant = true},
};

static const struct clef_device_info several_gpus[] = {
    {.backend = "opencl",
     .name = "Integrated",
     .is_gpu = true,
     .shares_host_memory = true,
     .memory_bytes = (uint64_t)64 << 30},
    {.backend = "opencl", .name = "Small", .is_gpu = true, .memory_bytes = (uint64_t)4 << 30},
    {.backend = "opencl", .name = "Large", .is_gpu = true, .memory_bytes = (uint64_t)8 << 30},
    {.backend = "opencl",
     .name = "Broken",
     .is_gpu = true,
     .memory_bytes = (uint64_t)16 << 30,
     .unusable = "It is broken."},
};

static int matched(const char *selector, const struct clef_device_info *infos, int count)
{
    int match = -1;
    EXPECT_OK(clef_selector_match(selector, infos, count, &match));
    return match;
}

static void test_selector_finds_one(void **state)
{
    (void)state;
    assert_int_equal(2, matched("auto", listed, 4)); // The usable graphics processor.
    assert_int_equal(0, matched("auto", listed, 1));
    assert_int_equal(0, matched("auto", listed + 1, 1)); // Opening it says why not.
    assert_int_equal(0, matched("cpu", listed, 4));
    assert_int_equal(2, matched("opencl", listed, 4));
    assert_int_equal(1, matched("opencl:0", listed, 4));
    assert_int_equal(3, matched("opencl:2", listed, 4));
    assert_int_equal(2, matched("opencl:rx 7900", listed, 4));
    assert_int_equal(3, matched("opencl:PROC", listed, 4));
    assert_int_equal(1, matched("opencl:0:0", listed, 4));
    assert_int_equal(2, matched("opencl:0:1", listed, 4));
    assert_int_equal(3, matched("opencl:1:0", listed, 4));
    assert_int_equal(2, matched("auto", several_gpus, 4));
    assert_int_equal(2, matched("opencl", several_gpus, 4));
    assert_int_equal(1, matched("auto", several_gpus, 2));
}

// A variant takes nobody's place.
static void test_selector_finds_variants_by_name_alone(void **state)
{
    (void)state;
    int match;
    assert_int_equal(1, matched("cpu:fast", variants, 2));
    assert_int_equal(0, matched("cpu", variants, 2)); // Opening it says why not.
    assert_int_equal(0, matched("auto", variants, 2));
    assert_int_equal(0, matched("cpu:0", variants, 2));
    assert_int_equal(0, matched("cpu:processor", variants, 2));
    EXPECT_FAILS(clef_selector_match("cpu:1", variants, 2, &match), CLEF_NOT_FOUND, "1 device;");
    EXPECT_FAILS(clef_selector_match("cpu:fas", variants, 2, &match), CLEF_NOT_FOUND, "fas");
}

static void test_auto_never_takes_an_opencl_processor(void **state)
{
    (void)state;
    const struct clef_device_info two[] = {listed[3], listed[0]};
    assert_int_equal(0,
                     matched("auto", (const struct clef_device_info[]){listed[0], listed[3]}, 2));
    assert_int_equal(1, matched("auto", two, 2)); // Whatever the order of the list.
    char text[256];
    clef_selector_explain(listed, 4, 0, text, sizeof text);
    assert_string_equal("auto took cpu, since opencl:0 cannot be used: Too old.", text);
    clef_selector_explain(listed, 4, 2, text, sizeof text);
    assert_string_equal("auto took opencl:1, the best graphics processor", text);
    clef_selector_explain(two, 2, 1, text, sizeof text);
    assert_string_equal("auto took cpu, since no graphics processor is there", text);
}

static void test_selector_refuses_many_and_none(void **state)
{
    (void)state;
    int match;
    EXPECT_FAILS(clef_selector_match("opencl:radeon", listed, 4, &match), CLEF_NOT_FOUND,
                 "fits 2 devices: opencl:0 (Radeon RX 6800), opencl:1 (Radeon RX 7900)");
    EXPECT_FAILS(clef_selector_match("opencl:geforce", listed, 4, &match), CLEF_NOT_FOUND,
                 "geforce");
    EXPECT_FAILS(clef_selector_match("opencl:3", listed, 4, &match), CLEF_NOT_FOUND, "3 devices");
    const char *const places[] = {"opencl:0:2", "opencl:2:0", "cpu:0:0", "opencl:99999999999:0"};
    for (int i = 0; i < 4; i++)
        EXPECT_FAILS(clef_selector_match(places[i], listed, 4, &match), CLEF_NOT_FOUND, places[i]);
    EXPECT_FAILS(clef_selector_match("opencl:0:1:2", listed, 4, &match), CLEF_NOT_FOUND, "0:1:2");
    EXPECT_FAILS(clef_selector_match("opencl::", listed, 4, &match), CLEF_NOT_FOUND, "opencl::");
    EXPECT_FAILS(clef_selector_match("cpu:radeon", listed, 4, &match), CLEF_NOT_FOUND, "radeon");
}

// ---------------------------------------------------------------- buffers

static void check_buffer_of(struct clef_device *device, size_t bytes)
{
    struct clef_buffer *buffer;
    EXPECT_OK(clef_buffer_create(device, bytes, &buffer));
    assert_int_equal(bytes, clef_buffer_size(buffer));
    unsigned char *host = malloc(bytes);
    memset(host, 1, bytes);
    EXPECT_OK(clef_buffer_download(buffer, 0, host, bytes, NULL));
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(0, host[i]);
    for (size_t i = 0; i < bytes; i++)
        host[i] = (unsigned char)(i * 7 + 1);
    struct clef_event *event;
    EXPECT_OK(clef_buffer_upload(buffer, 0, host, bytes, &event));
    EXPECT_OK(clef_event_wait(event));
    unsigned char last = 0;
    EXPECT_OK(clef_buffer_download(buffer, bytes - 1, &last, 1, &event));
    EXPECT_OK(clef_event_wait(event));
    assert_int_equal(host[bytes - 1], last);
    unsigned char *copy = calloc(1, bytes);
    EXPECT_OK(clef_buffer_download(buffer, 0, copy, bytes, NULL));
    assert_memory_equal(host, copy, bytes);
    free(copy);
    free(host);
    clef_buffer_destroy(buffer);
}

static void test_buffers_hold_bytes(void **state)
{
    (void)state;
    struct clef_device *device = open_cpu(1);
    const size_t sizes[] = {1, 63, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 5};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check_buffer_of(device, sizes[i]);
    clef_device_close(device);
}

static void test_buffer_ranges_are_checked(void **state)
{
    (void)state;
    struct clef_device *device = open_cpu(1);
    struct clef_buffer *buffer;
    EXPECT_OK(clef_buffer_create(device, 16, &buffer));
    char host[32] = {0};
    EXPECT_FAILS(clef_buffer_upload(buffer, 8, host, 9, NULL), CLEF_INVALID_ARGUMENT,
                 "upload of 9 bytes at offset 8: the buffer has 16");
    EXPECT_FAILS(clef_buffer_download(buffer, 17, host, 0, NULL), CLEF_INVALID_ARGUMENT,
                 "download");
    EXPECT_FAILS(clef_buffer_download(buffer, SIZE_MAX, host, 2, NULL), CLEF_INVALID_ARGUMENT,
                 "download"); // Their sum wraps around to 1.
    EXPECT_FAILS(clef_buffer_upload(buffer, 0, NULL, 1, NULL), CLEF_INVALID_ARGUMENT,
                 "host address");
    EXPECT_FAILS(clef_buffer_upload(NULL, 0, host, 1, NULL), CLEF_INVALID_ARGUMENT, "buffer");
    EXPECT_OK(clef_buffer_upload(buffer, 16, host, 0, NULL));
    clef_buffer_destroy(buffer);
    clef_device_close(device);
}

static void test_impossible_buffers_are_refused(void **state)
{
    (void)state;
    struct clef_device *device = open_cpu(1);
    struct clef_buffer *buffer;
    EXPECT_FAILS(clef_buffer_create(device, 0, &buffer), CLEF_INVALID_ARGUMENT, "0 bytes");
    assert_null(buffer);
    EXPECT_FAILS(clef_buffer_create(device, SIZE_MAX / 2, &buffer), CLEF_OUT_OF_MEMORY, "bytes");
    assert_null(buffer);
    clef_device_close(device);
}

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long total, pages = 0;
    assert_non_null(file);
    assert_int_equal(2, fscanf(file, "%ld %ld", &total, &pages));
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) >> 10);
}

static void test_untouched_memory_is_not_taken(void **state)
{
    (void)state;
    struct clef_device *device = open_cpu(1);
    struct clef_buffer *buffer;
    long before = resident_kib();
    EXPECT_OK(clef_buffer_create(device, (size_t)256 << 20, &buffer));
    assert_true(resident_kib() - before < 32 << 10);
    clef_buffer_destroy(buffer);
    clef_device_close(device);
}

static void test_peak_is_plausible(void **state)
{
    (void)state;
    struct clef_device *device = open_cpu(1);
    struct clef_device_peak peak = {0};
    EXPECT_OK(clef_device_measure_peak(device, &peak));
    assert_true(peak.flops_per_second > 1e6 && peak.flops_per_second < 1e13);
    assert_true(peak.bytes_per_second > 1e6 && peak.bytes_per_second < 1e13);
    clef_device_close(device);
}

// ---------------------------------------------------------------- tensors

static void test_tensor_orders(void **state)
{
    (void)state;
    struct clef_tensor nhwc = clef_tensor_nhwc(NULL, 5, 2, 3, 4, 6);
    assert_int_equal(72, nhwc.stride_n);
    assert_int_equal(24, nhwc.stride_h);
    assert_int_equal(6, nhwc.stride_w);
    assert_int_equal(5, nhwc.offset);
    struct clef_tensor hwnc = clef_tensor_hwnc(NULL, 5, 2, 3, 4, 6);
    assert_int_equal(6, hwnc.stride_n);
    assert_int_equal(48, hwnc.stride_h);
    assert_int_equal(12, hwnc.stride_w);
    assert_int_equal(144, clef_tensor_count(&hwnc));
    assert_int_equal(24, clef_tensor_rows(&hwnc));
    assert_true(clef_tensor_is_dense(&nhwc) && clef_tensor_is_dense(&hwnc));
    assert_true(clef_tensor_same_shape(&nhwc, &hwnc));
    assert_false(clef_tensor_same_layout(&nhwc, &hwnc));
    nhwc.stride_h++;
    assert_false(clef_tensor_is_dense(&nhwc));
    struct clef_tensor vector = clef_tensor_vector(NULL, 0, 7);
    assert_int_equal(7, vector.c);
    assert_int_equal(1, clef_tensor_rows(&vector));
    assert_int_equal(0, clef_tensor_vector(NULL, 0, (size_t)INT_MAX + 1).c);
}

static void test_strides_of_single_rows_do_not_matter(void **state)
{
    (void)state;
    struct clef_tensor nhwc = clef_tensor_nhwc(NULL, 0, 5, 1, 1, 6);
    struct clef_tensor hwnc = clef_tensor_hwnc(NULL, 0, 5, 1, 1, 6);
    assert_true(clef_tensor_same_layout(&nhwc, &hwnc));
    nhwc.stride_w = 1000;
    assert_true(clef_tensor_is_dense(&nhwc));
}

#define TEST(name) cmocka_unit_test_setup(name, forget_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_list_has_the_cpu),
        TEST(test_open_by_name_and_environment),
        TEST(test_unknown_names_are_refused),
        TEST(test_threads_are_checked),
        TEST(test_instruction_set_is_never_replaced),
        TEST(test_instruction_set_of_a_device),
        TEST(test_close_accepts_null),
        TEST(test_selector_finds_one),
        TEST(test_selector_finds_variants_by_name_alone),
        TEST(test_auto_never_takes_an_opencl_processor),
        TEST(test_selector_refuses_many_and_none),
        TEST(test_buffers_hold_bytes),
        TEST(test_buffer_ranges_are_checked),
        TEST(test_impossible_buffers_are_refused),
        TEST(test_untouched_memory_is_not_taken),
        TEST(test_peak_is_plausible),
        TEST(test_tensor_orders),
        TEST(test_strides_of_single_rows_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
