# SPDX-License-Identifier: Apache-2.0
"""Times training steps of ResNet-18 for 224x224 images, as torchvision shapes it, in PyTorch on the
CPU; see torch_steps.py."""
from torch_steps import measure_training
from common import IMAGENET_CLASSES, IMAGENET_IMAGE

from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.shortcut = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, filters, 1, stride, bias=False),
                                          nn.BatchNorm2d(filters))

    def forward(self, tensor):
        branch = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(tensor)))))
        return functional.relu(branch + self.shortcut(tensor))


layers, channels = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
                    nn.MaxPool2d(3, 2, 1)], 64
for filters in (64, 128, 256, 512):
    layers += [Block(channels, filters, 1 if filters == 64 else 2), Block(filters, filters, 1)]
    channels = filters
layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, IMAGENET_CLASSES)]
measure_training(nn.Sequential(*layers), 11_689_512, IMAGENET_IMAGE, IMAGENET_CLASSES)
