# SPDX-License-Identifier: Apache-2.0
"""Times training steps of Clef's default network in Keras on TensorFlow, on the CPU."""
from common import CLASSES, SEED_IMAGE
from keras_steps import measure_training

from seed_network import build

measure_training(lambda: build(CLASSES), 11_707_394, SEED_IMAGE, CLASSES)
