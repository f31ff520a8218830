# SPDX-License-Identifier: Apache-2.0
"""Loads a network that Clef trained in PyTorch, and compares the logits.

    clef export --model runs/first/model.safetensors --layout pytorch --out weights.safetensors
    clef predict --model runs/first/model.safetensors --limit 256 --out logits.npy
    python3 docs/examples/load_in_pytorch.py weights.safetensors logits.npy
"""
import gzip
import json
import sys

import numpy
import torch
from safetensors import safe_open
from torch import nn
from torch.nn import functional

IMAGES = "data/mnist/t10k-images-idx3-ubyte.gz"


def pad_same(images, kernel, stride):
    """Keras's `same`: what is odd of the padding goes to the right and the bottom."""
    padding = []
    for size in (images.shape[3], images.shape[2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        padding += [total // 2, total - total // 2]
    return functional.pad(images, padding)


class Convolution(nn.Conv2d):
    def forward(self, images):
        return super().forward(pad_same(images, self.kernel_size[0], self.stride[0]))


def normalise(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv1, self.bn1 = Convolution(channels, filters, 3, stride), normalise(filters)
        self.conv2, self.bn2 = Convolution(filters, filters, 3), normalise(filters)
        self.downsample = nn.Identity()
        if stride > 1 or channels != filters:
            self.downsample = nn.Sequential(Convolution(channels, filters, 1, stride),
                                            normalise(filters))

    def forward(self, images):
        branch = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(images)))))
        return functional.relu(branch + self.downsample(images))


class ResNet(nn.Module):
    def __init__(self, config):
        super().__init__()
        height, width, channels = config["input"]
        self.conv1 = Convolution(channels, config["filters"][0], 7, 2)
        self.stages = [f"layer{number + 1}" for number in range(len(config["blocks"]))]
        channels, halvings = config["filters"][0], 1 + len(self.stages)
        for stage, count, filters in zip(self.stages, config["blocks"], config["filters"]):
            blocks = []
            for block in range(count):
                stride = 2 if block == 0 and stage != "layer1" else 1
                blocks.append(Block(channels, filters, stride))
                channels = filters
            self.add_module(stage, nn.Sequential(*blocks))
        self.flattens = config["head"] == "flatten-dense"
        if self.flattens:
            positions = -(-height // 2 ** halvings) * -(-width // 2 ** halvings)
            self.fc1 = nn.Linear(positions * channels, config["dense_units"])
            self.fc2 = nn.Linear(config["dense_units"], config["classes"])
        else:
            self.fc = nn.Linear(channels, config["classes"])

    def forward(self, images):
        # After a ReLU a zero never exceeds the true maximum, so zeros may pad the pooling.
        images = pad_same(functional.relu(self.conv1(images)), 3, 2)
        images = functional.max_pool2d(images, 3, 2)
        for stage in self.stages:
            images = getattr(self, stage)(images)
        if self.flattens:
            return self.fc2(functional.relu(self.fc1(images.flatten(1))))
        return self.fc(images.mean((2, 3)))


def load(path):
    """The network of a file of `clef export --layout pytorch`, ready to predict."""
    with safe_open(path, "pt") as file:
        network = ResNet(json.loads(file.metadata()["config"]))
        network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})
    return network.eval()


def read_images(path, count, size):
    """The first images of an IDX file, [N, 1, size, size], amid zeros as in training."""
    pixels = numpy.frombuffer(gzip.open(path).read(), numpy.uint8, offset=16)
    pixels = pixels.reshape(-1, 28, 28)[:count]
    before = (size - 28) // 2
    images = numpy.zeros((len(pixels), 1, size, size), numpy.float32)
    images[:, 0, before:before + 28, before:before + 28] = pixels.astype(numpy.float32) / 255
    return torch.from_numpy(images)


if __name__ == "__main__":
    expected = torch.from_numpy(numpy.load(sys.argv[2]))
    with torch.no_grad():
        logits = load(sys.argv[1])(read_images(IMAGES, len(expected), 32))
    print(f"Largest difference of the logits: {(logits - expected).abs().max().item():.1e}")
    print(f"Same predictions: {(logits.argmax(1) == expected.argmax(1)).sum().item()} of",
          len(expected))
