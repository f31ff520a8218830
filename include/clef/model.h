// SPDX-License-Identifier: Apache-2.0
/// @file model.h
/// A network with its parameters on one device. Today's architecture is the residual network (He,
/// Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015).
#ifndef CLEF_MODEL_H
#define CLEF_MODEL_H

#include "clef/ops.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct clef_model;

#define CLEF_MAX_STAGES 8
#define CLEF_MAX_RANK 4
#define CLEF_MAX_BATCH 65536 ///< Most images of one step.

enum clef_head {
    CLEF_HEAD_FLATTEN_DENSE, ///< flatten, dense with ReLU, dense
    CLEF_HEAD_AVGPOOL        ///< global average, dense
};

/// How convolutions and poolings treat the border of an image.
enum clef_padding {
    CLEF_PADDING_SAME,     ///< Keras's `same`, see clef_window_same.
    CLEF_PADDING_SYMMETRIC ///< PyTorch's usual one, see clef_window_symmetric.
};

/// How batch normalisations train and infer, see clef_batchnorm_train_args.
struct clef_batchnorm_config {
    double momentum;        ///< 0 .. 1; what PyTorch calls momentum is 1 minus this.
    double epsilon;         ///< Above 0.
    bool unbiased_variance; ///< Of the moving variance.
};

/// A residual network: 7x7 stride-2 convolution with ReLU, 3x3 stride-2 max pool, stages of blocks
/// of two 3x3 convolutions (the first block of each stage but the first halves the image), head,
/// softmax. Begin with one of the functions below and change what shall be different.
struct clef_resnet_config {
    int input_height, input_width, input_channels;
    int classes;
    int stages;                   ///< 1 .. CLEF_MAX_STAGES
    int blocks[CLEF_MAX_STAGES];  ///< Residual blocks of each stage.
    int filters[CLEF_MAX_STAGES]; ///< Channels of each stage; the stem has those of the first.
    enum clef_head head;
    int dense_units; ///< Width of the hidden dense layer of CLEF_HEAD_FLATTEN_DENSE.
    enum clef_padding padding;
    bool
        stem_batchnorm; ///< Whether a batch norm stands between the first convolution and its ReLU.
    bool conv_bias;     ///< Whether convolutions have a bias.
    struct clef_batchnorm_config batchnorm;
};

/// @return ResNet-18 for 32x32x1 images, 10 classes, head flatten-dense with 1000 units: 11,707,394
/// parameters.
struct clef_resnet_config clef_resnet_default(void);

/// @return ResNet-18 as torchvision has it, for 224x224x3 images and 1000 classes: symmetric
/// padding, batch norm in the stem, convolutions without a bias, head avgpool, batch norm with
/// momentum 0.9, epsilon 1e-5 and unbiased moving variance: 11,689,512 parameters that are trained.
struct clef_resnet_config clef_resnet_imagenet(void);

/// Builds a network: glorot-uniform weights drawn from `seed`, zero biases, batch norm gamma 1 and
/// beta 0.
/// @param[out] model released with `clef_model_destroy`, before the device is closed.
clef_status clef_model_create_resnet(struct clef_device *device,
                                     const struct clef_resnet_config *config, uint64_t seed,
                                     struct clef_model **model);

/// Freezes layers, before the first step: their parameters and moving statistics stay as they are.
/// A frozen batch norm normalises by its moving statistics in training too, as Keras's with
/// `trainable = False` and PyTorch's with `eval()`. Nothing is computed for gradients that nobody
/// needs.
/// @param layers names between commas, such as "stem,stage1.block1": of layers, or what their names
/// begin with up to a dot. These and no others are frozen; NULL: none.
/// @return CLEF_INVALID_ARGUMENT if a name fits no layer with parameters, if all layers are frozen,
/// or a batch norm while a layer before it is trained. Then none is frozen.
clef_status clef_model_freeze(struct clef_model *model, const char *layers);

/// Keeps the gradients of kernels, to be read after a step; to be called before the first step.
/// Otherwise a kernel is updated where its gradient is made, which then is never in memory: that
/// saves a quarter of the parameters' memory and some time. Parameters take the same bits either
/// way.
/// @return CLEF_INVALID_ARGUMENT after the first step.
clef_status clef_model_keep_gradients(struct clef_model *model);

/// NULL is accepted.
void clef_model_destroy(struct clef_model *model);

/// @return the configuration that the network was built with; valid as long as the model.
const struct clef_resnet_config *clef_model_get_config(const struct clef_model *model);

/// Writes parameters and moving statistics as safetensors, with the configuration as metadata. The
/// file appears whole or not at all.
/// @param batch_size 1 .. CLEF_MAX_BATCH, kept in the metadata as the default for evaluation.
clef_status clef_model_save(struct clef_model *model, int batch_size, const char *path);

/// Rebuilds a network from such a file.
/// @param[out] batch_size may be NULL.
clef_status clef_model_load(struct clef_device *device, const char *path, struct clef_model **model,
                            int *batch_size);

// ---------------------------------------------------------------- steps

/// A batch of images in host memory.
struct clef_batch {
    const uint8_t *images; ///< [count][input_height][input_width][input_channels]; divided by 255
                           ///< on the device.
    const int32_t *labels; ///< [count], each below `classes`.
    int count;             ///< 1 .. CLEF_MAX_BATCH
};

/// What a step measured.
struct clef_metrics {
    double loss; ///< Mean categorical cross-entropy of the batch.
    int correct; ///< Images whose largest logit is at the label.
    int count;   ///< Images in the batch.
};

/// Plans everything for batches of `batch_size`, which steps otherwise do when first needed:
/// chooses algorithms, allocates memory. CLEF_OUT_OF_MEMORY names a batch size that fits.
clef_status clef_model_prepare(struct clef_model *model, int batch_size, bool training);

/// Enqueues forward, loss, backward and Adam. The batch must stay unchanged until the ticket has
/// been waited for.
/// @param[out] ticket for `clef_model_wait`; at most two may be open at a time.
clef_status clef_model_train_step(struct clef_model *model, const struct clef_batch *batch,
                                  float learning_rate, int *ticket);

/// Enqueues forward and loss as a training step has them, and nothing after: the moving statistics
/// follow the batch's, and nothing else of the model changes (see clef_update_bn).
clef_status clef_model_statistics_step(struct clef_model *model, const struct clef_batch *batch,
                                       int *ticket);

/// Enqueues forward and loss in inference mode (moving statistics).
clef_status clef_model_evaluate_step(struct clef_model *model, const struct clef_batch *batch,
                                     int *ticket);

/// Blocks until a step's metrics are known. If the loss is NaN or infinite the status is
/// CLEF_NOT_FINITE, the error names the first layer that had such a value, and no parameter has
/// been changed by this step or by one enqueued after it. Only the loss is looked at: if a gradient
/// overflows while the loss is finite, its step succeeds and leaves parameters that are not finite,
/// and the next step on them fails. The error then names the first such parameter, and training
/// must begin anew or from a saved model.
clef_status clef_model_wait(struct clef_model *model, int ticket, struct clef_metrics *metrics);

/// Computes the logits, [count][classes], in inference mode; labels are ignored and may be NULL.
/// Blocks.
clef_status clef_model_predict(struct clef_model *model, const struct clef_batch *batch,
                               float *logits);

/// Copies the logits of the last training or evaluation step, [count][classes] of its batch: those
/// of a training step use the batch's statistics, as its loss did. Valid until the next call that
/// computes or prepares. Blocks.
/// @return CLEF_INVALID_ARGUMENT before the first step.
clef_status clef_model_read_logits(struct clef_model *model, float *logits);

/// Number of optimiser steps taken.
uint64_t clef_model_get_step(const struct clef_model *model);

// ---------------------------------------------------------------- parameters

enum clef_parameter_kind {
    CLEF_PARAMETER_KERNEL, ///< HWIO for convolutions, [in][out] for dense layers.
    CLEF_PARAMETER_BIAS,
    CLEF_PARAMETER_GAMMA,
    CLEF_PARAMETER_BETA,
    CLEF_PARAMETER_MOVING_MEAN,    ///< Not trained.
    CLEF_PARAMETER_MOVING_VARIANCE ///< Not trained.
};

struct clef_parameter {
    const char *name; ///< Such as "stage1.block1.conv1.weight", valid as long as the model.
    enum clef_parameter_kind kind;
    int rank;
    int dims[CLEF_MAX_RANK];
    size_t count;
    bool trainable; ///< Whether training changes it: not the moving statistics, not what is frozen.
};

/// Parameters are numbered in the order of the network: of each layer weight, bias, moving mean,
/// moving variance.
int clef_model_parameter_count(const struct clef_model *model);

/// @param index 0 .. count-1. @return the parameter's description; for another index one with an
/// empty name and no elements.
struct clef_parameter clef_model_get_parameter(const struct clef_model *model, int index);

/// Copy a parameter, or the gradient of the last training step, from or to the host, in the order
/// of `dims`, row-major. They block. CLEF_INVALID_ARGUMENT if `index` is outside 0 .. count-1;
/// for the gradient also before the first training step, and of a kernel without
/// `clef_model_keep_gradients`.
clef_status clef_model_read_parameter(struct clef_model *model, int index, float *values);
clef_status clef_model_write_parameter(struct clef_model *model, int index, const float *values);
clef_status clef_model_read_gradient(struct clef_model *model, int index, float *values);

/// Copies Adam's means of the gradient and of its square for one parameter, in the order of `dims`;
/// all zero before the first training step. CLEF_INVALID_ARGUMENT if the parameter is not trained.
clef_status clef_model_read_moments(struct clef_model *model, int index, float *first,
                                    float *second);

// ---------------------------------------------------------------- description

/// One layer as a summary shows it.
struct clef_layer {
    const char *name;            ///< Such as "stage1.block1.conv1".
    const char *type;            ///< Keras's name, such as "Conv2D".
    int height, width, channels; ///< Of the output; height is 0 for a flat output.
    size_t parameters;
    int inputs;          ///< How many layers it reads.
    int input[2];        ///< Their numbers.
    int first_parameter; ///< Its parameters' numbers are this one and those after it.
    int parameter_count;
    struct clef_window window; ///< Of convolutions and poolings; its extents are 0 elsewhere.
    bool relu;                 ///< Whether the output of a convolution or dense layer is max(0, x).
    float epsilon;             ///< Of a batch normalisation.
};

/// Layers are numbered in the order of execution: each reads only layers of lower numbers, and
/// layer 0 is the input.
int clef_model_layer_count(const struct clef_model *model);

/// @param index 0 .. count-1. @return the layer's description, whose texts are valid as long as the
/// model; for another index one with empty texts and no parameters.
struct clef_layer clef_model_get_layer(const struct clef_model *model, int index);

/// What a step takes of the device's memory, in bytes.
struct clef_memory_plan {
    uint64_t parameters; ///< With the moving statistics.
    uint64_t gradients;
    uint64_t moments; ///< Adam's m and v.
    uint64_t
        activations; ///< Activations and their gradients, overlapping where their lifetimes allow.
    uint64_t scratch;
    uint64_t total;
};

/// Plans without allocating.
clef_status clef_model_plan_memory(struct clef_model *model, int batch_size, bool training,
                                   struct clef_memory_plan *plan);

/// Visits the plans of one step in the order of execution, for benches: the layer they belong to,
/// the pass, and the plan.
/// @return the status of the first visit that fails.
typedef clef_status (*clef_plan_visitor)(void *user, const char *layer, const char *op,
                                         struct clef_plan *plan);
clef_status clef_model_visit_plans(struct clef_model *model, int batch_size, bool training,
                                   clef_plan_visitor visit, void *user);

/// Visits the ops of one step in the order of execution, without planning or allocating anything:
/// the layer, the op, and its arguments, a `struct clef_OP_args` whose tensors may lack buffers.
/// All is valid during the call only, but for the names.
/// @return the status of the first visit that fails.
typedef clef_status (*clef_op_visitor)(void *user, const char *layer, const char *op,
                                       const void *args);
clef_status clef_model_visit_ops(struct clef_model *model, int batch_size, bool training,
                                 clef_op_visitor visit, void *user);

#ifdef __cplusplus
}
#endif
#endif
