# SPDX-License-Identifier: Apache-2.0
"""Times training steps of Clef's default network in PyTorch, on the CPU; see torch_steps.py."""
from torch_steps import measure_training, options
from common import CLASSES, SEED_CHANNELS, SEED_HIDDEN, seed_image, seed_parameters

from torch import nn
from torch.nn import functional


def same_padding(size, kernel, stride):
    """Padding (before, after) of Keras's `same`: what is odd goes to the end."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Convolution(nn.Conv2d):
    """A convolution with `same` padding; only an asymmetric one needs a padded copy."""

    def __init__(self, channels, filters, kernel, stride, size):
        before, after = same_padding(size, kernel, stride)
        self.extra = (before, after, before, after) if before != after else None
        super().__init__(channels, filters, kernel, stride, 0 if self.extra else before)
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, tensor):
        return super().forward(functional.pad(tensor, self.extra) if self.extra else tensor)


def convolve_and_normalise(channels, filters, kernel, stride, size):
    # Keras's momentum of 0.99 is 0.01 in PyTorch's form.
    return nn.Sequential(Convolution(channels, filters, kernel, stride, size),
                         nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01))


class ResidualBlock(nn.Module):
    def __init__(self, channels, filters, stride, size):
        super().__init__()
        self.first = convolve_and_normalise(channels, filters, 3, stride, size)
        self.second = convolve_and_normalise(filters, filters, 3, 1, size // stride)
        self.shortcut = nn.Identity()
        if stride > 1:
            self.shortcut = convolve_and_normalise(channels, filters, 1, stride, size)

    def forward(self, tensor):
        branch = self.second(functional.relu(self.first(tensor)))
        return functional.relu(branch + self.shortcut(tensor))


class Network(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.stem = Convolution(SEED_CHANNELS, 64, 7, 2, size)
        blocks, channels, size = [], 64, size // 4
        for filters in (64, 128, 256, 512):
            stride = 1 if filters == 64 else 2
            blocks.append(ResidualBlock(channels, filters, stride, size))
            channels, size = filters, size // stride
            blocks.append(ResidualBlock(channels, filters, 1, size))
        self.blocks = nn.Sequential(*blocks)
        self.hidden = nn.Linear(channels * size * size, SEED_HIDDEN)
        self.logits = nn.Linear(SEED_HIDDEN, CLASSES)

    def forward(self, tensor):
        # After a ReLU a zero never exceeds the true maximum, so zeros may pad the pooling.
        tensor = functional.pad(functional.relu(self.stem(tensor)), (0, 1, 0, 1))
        tensor = self.blocks(functional.max_pool2d(tensor, 3, 2))
        return self.logits(functional.relu(self.hidden(tensor.flatten(1))))


measure_training(Network(options.image_size), seed_parameters(options.image_size, 11_697_922),
                 seed_image(options.image_size), CLASSES)
