# SPDX-License-Identifier: Apache-2.0
"""What the tests with other frameworks share: a small data set, Clef's program, and the comparison.

Each test is a script: SCRIPT CLEF MNIST, the program and the directory of MNIST's gzipped files.
"""
import gzip
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRAINING_IMAGES, TEST_IMAGES = 1000, 256
TOLERANCE = 1e-4  # Between any two logits.
LEAST_LOGIT = 1.0  # Of the largest; beside smaller ones the tolerance would say nothing.


def copy_idx(source, target, count):
    """Writes the first elements of an IDX file; returns them as an array."""
    data = gzip.decompress(source.read_bytes())
    rank = data[3]
    extents = struct.unpack(f">{rank}i", data[4:4 + 4 * rank])
    size = int(numpy.prod(extents[1:], dtype=int))
    body = data[4 + 4 * rank:][:count * size]
    target.write_bytes(data[:4] + struct.pack(f">{rank}i", count, *extents[1:]) + body)
    return numpy.frombuffer(body, numpy.uint8).reshape(count, *extents[1:])


class Clef:
    """The program, with a directory for its files and a small data set in it."""

    def __init__(self, program, mnist, directory):
        self.program, self.directory = pathlib.Path(program).resolve(), pathlib.Path(directory)
        for split, count in (("train", TRAINING_IMAGES), ("t10k", TEST_IMAGES)):
            images, labels = [
                copy_idx(pathlib.Path(mnist) / f"{split}-{kind}.gz",
                         self.directory / f"{split}-{kind}", count)
                for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
            if split == "train":
                self.training_images, self.training_labels = images, labels
        self.test_images = images

    def path(self, name):
        return self.directory / name

    def run(self, *arguments):
        subprocess.run([self.program, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def train(self, name, *options):
        """Trains until the logits are as large as those of a useful network; returns the model."""
        self.run("train", "--data", self.directory, "--epochs", 2, "--batch-size", 8,
                 "--validation-split", 0, "--out", self.path(name), "--device", "cpu", *options)
        return self.path(name) / "model.safetensors"

    def predict(self, model):
        self.run("predict", "--data", self.directory, "--model", model, "--device", "cpu", "--out",
                 self.path("logits.npy"))
        return numpy.load(self.path("logits.npy"))


def network_input(images, size=32):
    """[N, size, size, 1] in 0..1, the images amid zeros as Clef places them."""
    before = (size - images.shape[1]) // 2
    after = size - images.shape[1] - before
    padded = numpy.pad(images, ((0, 0), (before, after), (before, after)))
    return padded[..., numpy.newaxis].astype(numpy.float32) / 255


def check(name, ours, theirs):
    """Fails unless the logits agree; says by how much they do, in the form of the other tests."""
    largest, distance = abs(ours).max(), abs(ours - theirs).max()
    print(f"{name}: logits up to {largest:.3g}, largest difference {distance:.2g}")
    assert ours.shape == theirs.shape == (TEST_IMAGES, 10), theirs.shape
    assert largest >= LEAST_LOGIT and len(set(ours.argmax(1))) > 1, "too little to compare"
    assert distance <= TOLERANCE, f"{name}: more than {TOLERANCE}"
    assert (ours.argmax(1) == theirs.argmax(1)).all(), f"{name}: a prediction differs"
    print(f"[       OK ] {name}", flush=True)


def main(test):
    program, mnist = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        test(Clef(program, mnist, directory))
