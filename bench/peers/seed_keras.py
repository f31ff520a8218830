# SPDX-License-Identifier: Apache-2.0
"""Times training steps of Clef's default network in Keras on TensorFlow, on the CPU."""
import os

from common import CLASSES, measure, parse_options, synthetic_data

options = parse_options(__doc__, ["keras"])
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import tensorflow as tf

from seed_network import build

tf.config.threading.set_intra_op_parallelism_threads(options.threads)

keras.utils.set_random_seed(1)
model = build(CLASSES)
assert model.count_params() == 11_707_394, "this is not Clef's default network"
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
images, labels = synthetic_data(options.batch_size)
targets = keras.utils.to_categorical(labels, CLASSES)


def step(batch):
    return model.train_on_batch(images[batch], targets[batch])[0]


measure("keras", f"tensorflow {tf.__version__}, keras {keras.__version__}", options, step)
