# SPDX-License-Identifier: Apache-2.0
"""Keras loads what Clef exports, and Clef what Keras saves: the same logits both ways.

The network is built by the code that the benches run. Any backend of Keras reads and writes the same
files; JAX is the smallest to install.
"""
import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy

from agreement import ROOT, check, main, network_input

sys.path.insert(0, str(ROOT / "bench" / "peers"))

from seed_network import build


def predict(network, clef):
    """The logits: the network without the activation of its last layer."""
    last = network.layers[-1]
    softmax, last.activation = last.activation, keras.activations.linear
    logits = keras.Model(network.input, network.output).predict(
        network_input(clef.test_images), batch_size=256, verbose=0)
    last.activation = softmax
    return logits


def train(network, clef):
    """A few steps, so that every parameter, moving statistic and moment is Keras's own."""
    # Eagerly, since to compile a step takes longer than a few steps.
    network.compile(keras.optimizers.Adam(1e-4), "categorical_crossentropy", run_eagerly=True)
    images, labels = network_input(clef.training_images), numpy.eye(10)[clef.training_labels]
    for first in range(0, 96, 32):
        network.train_on_batch(images[first:first + 32], labels[first:first + 32])


def test(clef):
    model, exported = clef.train("default"), clef.path("ours.weights.h5")
    clef.run("export", "--model", model, "--format", "keras", "--out", exported)
    network = build(10)
    network.load_weights(exported)
    check("keras_loads", clef.predict(model), predict(network, clef))
    train(network, clef)
    network.save_weights(clef.path("theirs.weights.h5"))
    clef.run("import", "--weights", clef.path("theirs.weights.h5"), "--out", clef.path("ours"))
    check("clef_loads_keras", clef.predict(clef.path("ours")), predict(network, clef))


main(test)
