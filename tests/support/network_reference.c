// SPDX-License-Identifier: Apache-2.0
#include "support/network_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t network_image_size(const struct clef_node *node)
{
    return (size_t)node->height * (size_t)node->width * (size_t)node->channels;
}

static double *at(const struct clef_node *node, double *values, int n, int y, int x)
{
    size_t row = ((size_t)n * (size_t)node->height + (size_t)y) * (size_t)node->width + (size_t)x;
    return values + row * (size_t)node->channels;
}

// What comes before the image.
static int padding(const struct network_reference *reference, int kernel, int stride, int in)
{
    if (reference->padding == CLEF_PADDING_SYMMETRIC)
        return kernel / 2;
    int out = (in + stride - 1) / stride;
    int all = (out - 1) * stride + kernel - in;
    return all > 0 ? all / 2 : 0;
}

static void reference_conv2d(const struct network_reference *reference,
                             const struct clef_node *node, const struct clef_node *src, double *in,
                             double *out)
{
    const double *weights = reference->parameters[node->first_parameter];
    bool has_bias = node->parameter_count == 2;
    const double *bias = has_bias ? reference->parameters[node->first_parameter + 1] : NULL;
    int kernel = node->window.kernel_h, stride = node->window.stride_h;
    int top = padding(reference, kernel, stride, src->height);
    int left = padding(reference, kernel, stride, src->width);
    for (int n = 0; n < reference->batch; n++)
        for (int y = 0; y < node->height; y++)
            for (int x = 0; x < node->width; x++)
                for (int o = 0; o < node->channels; o++) {
                    double sum = has_bias ? bias[o] : 0;
                    for (int ky = 0; ky < kernel; ky++)
                        for (int kx = 0; kx < kernel; kx++) {
                            int iy = y * stride - top + ky, ix = x * stride - left + kx;
                            if (iy < 0 || iy >= src->height || ix < 0 || ix >= src->width)
                                continue;
                            for (int i = 0; i < src->channels; i++)
                                sum += at(src, in, n, iy, ix)[i] *
                                       weights[((ky * kernel + kx) * src->channels + i) *
                                                   node->channels +
                                               o];
                        }
                    at(node, out, n, y, x)[o] = node->relu && sum < 0 ? 0 : sum;
                }
}

static void reference_maxpool(const struct network_reference *reference,
                              const struct clef_node *node, const struct clef_node *src, double *in,
                              double *out)
{
    int kernel = node->window.kernel_h, stride = node->window.stride_h;
    int top = padding(reference, kernel, stride, src->height);
    int left = padding(reference, kernel, stride, src->width);
    for (int n = 0; n < reference->batch; n++)
        for (int y = 0; y < node->height; y++)
            for (int x = 0; x < node->width; x++)
                for (int c = 0; c < node->channels; c++) {
                    double most = -INFINITY;
                    for (int iy = y * stride - top; iy < y * stride - top + kernel; iy++)
                        for (int ix = x * stride - left; ix < x * stride - left + kernel; ix++)
                            if (iy >= 0 && iy < src->height && ix >= 0 && ix < src->width)
                                most = fmax(most, at(src, in, n, iy, ix)[c]);
                    at(node, out, n, y, x)[c] = most;
                }
}

static void reference_dense(const struct network_reference *reference, const struct clef_node *node,
                            const struct clef_node *src, const double *in, double *out)
{
    const double *weights = reference->parameters[node->first_parameter];
    const double *bias = reference->parameters[node->first_parameter + 1];
    size_t inputs = network_image_size(src), units = (size_t)node->channels;
    for (size_t n = 0; n < (size_t)reference->batch; n++)
        for (size_t o = 0; o < units; o++) {
            double sum = bias[o];
            for (size_t k = 0; k < inputs; k++)
                sum += in[n * inputs + k] * weights[k * units + o];
            out[n * units + o] = node->relu && sum < 0 ? 0 : sum;
        }
}

static void reference_batchnorm(struct network_reference *reference, int index, const double *in,
                                double *out)
{
    const struct clef_node *node = &reference->graph->nodes[index];
    const double *gamma = reference->parameters[node->first_parameter];
    const double *beta = reference->parameters[node->first_parameter + 1];
    double epsilon = node->batchnorm.epsilon;
    size_t channels = (size_t)node->channels;
    size_t rows = network_image_size(node) / channels * (size_t)reference->batch;
    for (size_t c = 0; c < channels; c++) {
        double mean = 0, variance = 0;
        for (size_t row = 0; row < rows; row++)
            mean += in[row * channels + c] / (double)rows;
        for (size_t row = 0; row < rows; row++)
            variance += pow(in[row * channels + c] - mean, 2) / (double)rows;
        if (node->frozen) {
            mean = reference->parameters[node->first_parameter + 2][c];
            variance = reference->parameters[node->first_parameter + 3][c];
        }
        for (size_t row = 0; row < rows; row++)
            out[row * channels + c] =
                gamma[c] * (in[row * channels + c] - mean) / sqrt(variance + epsilon) + beta[c];
        reference->mean[index][c] = mean;
        reference->variance[index][c] = node->batchnorm.unbiased_variance && !node->frozen
                                            ? variance * (double)rows / (double)(rows - 1)
                                            : variance;
    }
}

static void reference_node(struct network_reference *reference, int index)
{
    const struct clef_node *node = &reference->graph->nodes[index];
    const struct clef_node *src = &reference->graph->nodes[node->input[0]];
    size_t count = network_image_size(node) * (size_t)reference->batch;
    double *out = reference->outputs[index], *a = reference->outputs[node->input[0]];
    const double *b = reference->outputs[node->input[1]];
    size_t area = (size_t)src->height * (size_t)src->width, channels = (size_t)node->channels;
    switch (node->kind) {
    case CLEF_NODE_INPUT:
        for (size_t i = 0; i < count; i++)
            out[i] = reference->images[i] / 255.0;
        break;
    case CLEF_NODE_CONV2D:
        reference_conv2d(reference, node, src, a, out);
        break;
    case CLEF_NODE_BATCHNORM:
        reference_batchnorm(reference, index, a, out);
        break;
    case CLEF_NODE_RELU:
        for (size_t i = 0; i < count; i++)
            out[i] = a[i] > 0 ? a[i] : 0;
        break;
    case CLEF_NODE_ADD:
        for (size_t i = 0; i < count; i++)
            out[i] = a[i] + b[i];
        break;
    case CLEF_NODE_MAXPOOL:
        reference_maxpool(reference, node, src, a, out);
        break;
    case CLEF_NODE_GLOBAL_AVGPOOL:
        for (size_t i = 0; i < count; i++) {
            out[i] = 0;
            for (size_t k = 0; k < area; k++)
                out[i] += a[(i / channels * area + k) * channels + i % channels] / (double)area;
        }
        break;
    case CLEF_NODE_FLATTEN:
        memcpy(out, a, count * sizeof *out);
        break;
    case CLEF_NODE_DENSE:
        reference_dense(reference, node, src, a, out);
        break;
    }
}

double network_reference_loss(struct network_reference *reference)
{
    int last = reference->graph->node_count - 1;
    for (int i = 0; i <= last; i++)
        reference_node(reference, i);
    int classes = reference->graph->nodes[last].channels;
    double loss = 0;
    for (int n = 0; n < reference->batch; n++) {
        const double *logits = reference->outputs[last] + n * classes;
        double sum = 0;
        for (int c = 0; c < classes; c++)
            sum += exp(logits[c] - logits[reference->labels[n]]);
        loss += log(sum) / reference->batch;
    }
    return loss;
}

// A hash of its own (lowbias32), so that the oracle does not depend on the library's numbers.
double network_random(uint32_t stream, uint64_t index)
{
    uint32_t x = (uint32_t)index * 0x9E3779B9u + stream * 0x85EBCA6Bu + 1;
    x = (x ^ (x >> 16)) * 0x7FEB352Du;
    x = (x ^ (x >> 15)) * 0x846CA68Bu;
    x ^= x >> 16;
    return (double)x / 2147483648.0 - 1;
}

void network_reference_create(struct network_reference *reference, const struct clef_graph *graph,
                              int batch)
{
    memset(reference, 0, sizeof *reference);
    if (graph->node_count > MOST_NODES || graph->parameter_count > MOST_PARAMETERS ||
        batch > MOST_BATCH)
        abort();
    reference->graph = graph;
    reference->batch = batch;
    for (int i = 0; i < graph->node_count; i++) {
        const struct clef_node *node = &graph->nodes[i];
        reference->outputs[i] = calloc(network_image_size(node) * (size_t)batch, sizeof(double));
        reference->mean[i] = calloc((size_t)node->channels, sizeof(double));
        reference->variance[i] = calloc((size_t)node->channels, sizeof(double));
    }
    size_t pixels = network_image_size(&graph->nodes[0]) * (size_t)batch;
    reference->images = malloc(pixels);
    for (size_t i = 0; i < pixels; i++)
        reference->images[i] = (uint8_t)(127.5 + 127 * network_random(1000, i));
    int classes = graph->nodes[graph->node_count - 1].channels;
    for (int n = 0; n < batch; n++)
        reference->labels[n] = (n * 7 + 3) % classes;
}

void network_reference_release(struct network_reference *reference)
{
    for (int i = 0; i < reference->graph->node_count; i++) {
        free(reference->outputs[i]);
        free(reference->mean[i]);
        free(reference->variance[i]);
    }
    for (int i = 0; i < reference->graph->parameter_count; i++)
        free(reference->parameters[i]);
    free(reference->images);
}
