// SPDX-License-Identifier: Apache-2.0
#include "clef/ops.h"

static int padding_before(int kernel, int stride, int in, int out)
{
    int padding = (out - 1) * stride + kernel - in;
    return padding > 0 ? padding / 2 : 0;
}

struct clef_window clef_window_same(const int kernel[2], const int stride[2], const int in[2],
                                    int out[2])
{
    for (int i = 0; i < 2; i++)
        out[i] = in[i] / stride[i] + (in[i] % stride[i] != 0);
    return (struct clef_window){
        .kernel_h = kernel[0],
        .kernel_w = kernel[1],
        .stride_h = stride[0],
        .stride_w = stride[1],
        .pad_top = padding_before(kernel[0], stride[0], in[0], out[0]),
        .pad_left = padding_before(kernel[1], stride[1], in[1], out[1]),
    };
}

struct clef_window clef_window_symmetric(const int kernel[2], const int stride[2], const int in[2],
                                         int out[2])
{
    const int pad[2] = {kernel[0] / 2, kernel[1] / 2};
    for (int i = 0; i < 2; i++)
        out[i] = (in[i] + 2 * pad[i] - kernel[i]) / stride[i] + 1;
    return (struct clef_window){
        .kernel_h = kernel[0],
        .kernel_w = kernel[1],
        .stride_h = stride[0],
        .stride_w = stride[1],
        .pad_top = pad[0],
        .pad_left = pad[1],
    };
}

struct clef_window clef_window_valid(const int kernel[2], const int stride[2], const int in[2],
                                     int out[2])
{
    for (int i = 0; i < 2; i++)
        out[i] = (in[i] - kernel[i]) / stride[i] + 1;
    return (struct clef_window){
        .kernel_h = kernel[0],
        .kernel_w = kernel[1],
        .stride_h = stride[0],
        .stride_w = stride[1],
    };
}
