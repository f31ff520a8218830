// SPDX-License-Identifier: Apache-2.0
#include "support/convolution_run.h"
#include "support/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Elements before a tensor's first, so that it does not begin where its buffer does.
#define OFFSET 5

struct operand {
    struct clef_tensor tensor;
    float *host; // The whole buffer.
    size_t count;
};

static struct operand make_operand(struct clef_device *device, struct clef_tensor tensor, int seed)
{
    struct operand operand = {.tensor = tensor, .count = OFFSET + clef_tensor_count(&tensor)};
    size_t bytes = operand.count * sizeof(float);
    operand.host = malloc(bytes);
    assert_non_null(operand.host);
    for (size_t i = 0; i < operand.count; i++)
        operand.host[i] = (float)((i * 2654435761U + (size_t)seed * 40503U) >> 7U & 3U) - 1;
    EXPECT_OK(clef_buffer_create(device, bytes, &operand.tensor.buffer));
    EXPECT_OK(clef_buffer_upload(operand.tensor.buffer, 0, operand.host, bytes, NULL));
    return operand;
}

static void release_operand(struct operand *operand)
{
    clef_buffer_destroy(operand->tensor.buffer);
    free(operand->host);
}

// Lanes of the last panel beyond the filters are zero.
static void clear_unused_lanes(struct operand *weights, int out, int panel)
{
    int panels = (out + panel - 1) / panel;
    size_t of_panel = clef_tensor_count(&weights->tensor) / (size_t)panels;
    for (size_t i = 0; i < clef_tensor_count(&weights->tensor); i++)
        if ((int)(i / of_panel) * panel + (int)(i % (size_t)panel) >= out)
            weights->host[OFFSET + i] = 0;
    EXPECT_OK(clef_buffer_upload(weights->tensor.buffer, 0, weights->host,
                                 weights->count * sizeof(float), NULL));
}

// Runs a plan and keeps what it wrote.
static void finish(struct convolution_result *result, int pass, struct clef_plan *plan,
                   const struct operand *output)
{
    snprintf(result->algorithms[pass], sizeof result->algorithms[pass], "%s",
             clef_plan_get_info(plan)->algorithm);
    EXPECT_OK(clef_plan_run(plan, NULL));
    size_t bytes = output->count * sizeof(float);
    result->counts[pass] = output->count;
    result->values[pass] = malloc(bytes);
    assert_non_null(result->values[pass]);
    EXPECT_OK(clef_buffer_download(output->tensor.buffer, 0, result->values[pass], bytes, NULL));
    clef_plan_destroy(plan);
}

struct convolution_result convolution_run(struct clef_device *device,
                                          const struct convolution_shape *s)
{
    struct convolution_result result = {.counts = {0}};
    int size[2] = {s->size, s->size}, out[2], panel = clef_device_get_info(device)->filter_panel;
    const int kernel[2] = {s->kernel, s->kernel}, stride[2] = {s->stride, s->stride};
    struct clef_window window = clef_window_same(kernel, stride, size, out);
    struct clef_weights_layout layout = {s->kernel, s->kernel, s->in, s->out, panel};
    struct operand image =
        make_operand(device, clef_tensor_hwnc(NULL, OFFSET, s->n, s->size, s->size, s->in), 1);
    struct operand dst =
        make_operand(device, clef_tensor_hwnc(NULL, OFFSET, s->n, out[0], out[1], s->out), 2);
    struct operand weights =
        make_operand(device, clef_tensor_vector(NULL, OFFSET, clef_weights_count(&layout)), 3);
    clear_unused_lanes(&weights, s->out, panel);
    struct clef_plan *plan;
    const struct clef_conv2d_backward_weights_args backward_weights = {.src = &image.tensor,
                                                                       .diff_dst = &dst.tensor,
                                                                       .diff_weights =
                                                                           &weights.tensor,
                                                                       .window = window};
    const struct clef_conv2d_forward_args forward = {.src = &image.tensor,
                                                     .weights = &weights.tensor,
                                                     .dst = &dst.tensor,
                                                     .window = window,
                                                     .relu = true};
    const struct clef_conv2d_backward_data_args backward_data = {.diff_dst = &dst.tensor,
                                                                 .weights = &weights.tensor,
                                                                 .diff_src = &image.tensor,
                                                                 .window = window};
    // Each pass begins with the tensors as they were filled.
    EXPECT_OK(clef_plan_conv2d_backward_weights(device, &backward_weights, NULL, NULL, &plan));
    finish(&result, 2, plan, &weights);
    EXPECT_OK(clef_buffer_upload(weights.tensor.buffer, 0, weights.host,
                                 weights.count * sizeof(float), NULL));
    EXPECT_OK(clef_plan_conv2d_forward(device, &forward, NULL, NULL, &plan));
    finish(&result, 0, plan, &dst);
    EXPECT_OK(clef_buffer_upload(dst.tensor.buffer, 0, dst.host, dst.count * sizeof(float), NULL));
    EXPECT_OK(clef_plan_conv2d_backward_data(device, &backward_data, NULL, NULL, &plan));
    finish(&result, 1, plan, &image);
    release_operand(&image);
    release_operand(&dst);
    release_operand(&weights);
    return result;
}

void convolution_release(struct convolution_result *result)
{
    for (int i = 0; i < CONVOLUTION_PASSES; i++)
        free(result->values[i]);
}

void convolution_expect_equal(const struct convolution_result *a,
                              const struct convolution_result *b)
{
    for (int pass = 0; pass < CONVOLUTION_PASSES; pass++) {
        assert_int_equal(a->counts[pass], b->counts[pass]);
        for (size_t i = 0; i < a->counts[pass]; i++)
            if (!(a->values[pass][i] == b->values[pass][i]))
                fail_msg("pass %d, element %zu: %g by \"%s\", %g by \"%s\"", pass, i,
                         (double)a->values[pass][i], a->algorithms[pass],
                         (double)b->values[pass][i], b->algorithms[pass]);
    }
}

void convolution_expect_algorithm(const struct convolution_result *result, const char *part)
{
    for (int pass = 0; pass < CONVOLUTION_PASSES; pass++)
        if (!strstr(result->algorithms[pass], part))
            fail_msg("pass %d is computed by \"%s\", not by \"%s\"", pass, result->algorithms[pass],
                     part);
}
