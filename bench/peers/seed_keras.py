# SPDX-License-Identifier: Apache-2.0
"""Times training steps of Clef's default network in Keras on TensorFlow, on the CPU."""
from common import CLASSES, seed_image, seed_parameters
from keras_steps import measure_training, options

from seed_network import build

image = seed_image(options.image_size)
measure_training(lambda: build(CLASSES, image), seed_parameters(options.image_size, 11_707_394), image,
                 CLASSES)
