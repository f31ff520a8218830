# SPDX-License-Identifier: Apache-2.0
"""What the networks in Keras share: the options, the imports and the training step."""
import os

from common import measure, parse_options, synthetic_data

options = parse_options("Times training steps in Keras on TensorFlow, on the CPU.", ["keras"])
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(options.threads)
tf.config.threading.set_inter_op_parallelism_threads(options.threads)


def measure_training(build, parameters, image, classes):
    keras.utils.set_random_seed(1)
    model = build()
    assert model.count_params() == parameters, "not Clef's network"
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    images, labels = synthetic_data(options.batch_size, image, classes)
    targets = np.eye(classes, dtype=np.float32)[labels]

    def step(batch):
        return model.train_on_batch(images[batch], targets[batch])[0]

    measure("keras", f"tensorflow {tf.__version__}, keras {keras.__version__}", options, step)
