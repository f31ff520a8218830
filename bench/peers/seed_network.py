# SPDX-License-Identifier: Apache-2.0
"""Clef's default network in Keras, for whatever backend of Keras is chosen before."""
import keras
from keras import layers


def convolve_and_normalise(tensor, filters, kernel, stride):
    tensor = layers.Conv2D(filters, kernel, strides=stride, padding="same")(tensor)
    return layers.BatchNormalization()(tensor)


def residual_block(tensor, filters, stride, convolve=convolve_and_normalise):
    shortcut = tensor
    if stride > 1:
        shortcut = convolve(tensor, filters, 1, stride)
    tensor = layers.ReLU()(convolve(tensor, filters, 3, stride))
    tensor = convolve(tensor, filters, 3, 1)
    return layers.ReLU()(layers.Add()([tensor, shortcut]))


def build(classes, image=(32, 32, 1)):
    image = keras.Input(image)
    tensor = layers.Conv2D(64, 7, strides=2, padding="same", activation="relu")(image)
    tensor = layers.MaxPooling2D(3, strides=2, padding="same")(tensor)
    for filters in (64, 128, 256, 512):
        tensor = residual_block(tensor, filters, 1 if filters == 64 else 2)
        tensor = residual_block(tensor, filters, 1)
    tensor = layers.Dense(1000, activation="relu")(layers.Flatten()(tensor))
    return keras.Model(image, layers.Dense(classes, activation="softmax")(tensor))
