# SPDX-License-Identifier: Apache-2.0
"""Times training steps of ResNet-18 for 224x224 images, as torchvision shapes it, in Keras on
TensorFlow, on the CPU."""
from common import IMAGENET_CLASSES, IMAGENET_IMAGE
from keras_steps import keras, measure_training

from keras import layers

from seed_network import residual_block


def convolve_and_normalise(tensor, filters, kernel, stride):
    tensor = layers.ZeroPadding2D(kernel // 2)(tensor)
    tensor = layers.Conv2D(filters, kernel, strides=stride, use_bias=False)(tensor)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(tensor)


def build():
    image = keras.Input(IMAGENET_IMAGE)
    tensor = layers.ReLU()(convolve_and_normalise(image, 64, 7, 2))
    tensor = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(tensor))
    for filters in (64, 128, 256, 512):
        tensor = residual_block(tensor, filters, 1 if filters == 64 else 2,
                                convolve_and_normalise)
        tensor = residual_block(tensor, filters, 1, convolve_and_normalise)
    tensor = layers.GlobalAveragePooling2D()(tensor)
    return keras.Model(image, layers.Dense(IMAGENET_CLASSES, activation="softmax")(tensor))


# 9,600 moving means and variances come on top of torchvision's parameters.
measure_training(build, 11_689_512 + 9_600, IMAGENET_IMAGE, IMAGENET_CLASSES)
