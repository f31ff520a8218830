# SPDX-License-Identifier: Apache-2.0
"""Times training steps of Clef's default network in Keras on TensorFlow, on the CPU."""
import os

from common import CLASSES, measure, parse_options, synthetic_data

options = parse_options(__doc__, ["keras"])
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import tensorflow as tf
from keras import layers

tf.config.threading.set_intra_op_parallelism_threads(options.threads)


def convolve_and_normalise(tensor, filters, kernel, stride):
    tensor = layers.Conv2D(filters, kernel, strides=stride, padding="same")(tensor)
    return layers.BatchNormalization()(tensor)


def residual_block(tensor, filters, stride):
    shortcut = tensor
    if stride > 1:
        shortcut = convolve_and_normalise(tensor, filters, 1, stride)
    tensor = layers.ReLU()(convolve_and_normalise(tensor, filters, 3, stride))
    tensor = convolve_and_normalise(tensor, filters, 3, 1)
    return layers.ReLU()(layers.Add()([tensor, shortcut]))


def build():
    image = keras.Input((32, 32, 1))
    tensor = layers.Conv2D(64, 7, strides=2, padding="same", activation="relu")(image)
    tensor = layers.MaxPooling2D(3, strides=2, padding="same")(tensor)
    for filters in (64, 128, 256, 512):
        tensor = residual_block(tensor, filters, 1 if filters == 64 else 2)
        tensor = residual_block(tensor, filters, 1)
    tensor = layers.Dense(1000, activation="relu")(layers.Flatten()(tensor))
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax")(tensor))


keras.utils.set_random_seed(1)
model = build()
assert model.count_params() == 11_707_394, "this is not Clef's default network"
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
images, labels = synthetic_data(options.batch_size)
targets = keras.utils.to_categorical(labels, CLASSES)


def step(batch):
    return model.train_on_batch(images[batch], targets[batch])[0]


measure("keras", f"tensorflow {tf.__version__}, keras {keras.__version__}", options, step)
