# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 with the structure and the names of torchvision's, which need not be installed."""
from torch import nn
from torch.nn import functional


def convolution(channels, filters, kernel, stride):
    return nn.Conv2d(channels, filters, kernel, stride, padding=kernel // 2, bias=False)


class Block(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv1, self.bn1 = convolution(channels, filters, 3, stride), nn.BatchNorm2d(filters)
        self.conv2, self.bn2 = convolution(filters, filters, 3, 1), nn.BatchNorm2d(filters)
        self.downsample = None
        if stride > 1 or channels != filters:
            self.downsample = nn.Sequential(convolution(channels, filters, 1, stride),
                                            nn.BatchNorm2d(filters))

    def forward(self, images):
        shortcut = images if self.downsample is None else self.downsample(images)
        branch = functional.relu(self.bn1(self.conv1(images)))
        return functional.relu(self.bn2(self.conv2(branch)) + shortcut)


class ResNet18(nn.Module):
    def __init__(self, classes=1000):
        super().__init__()
        self.conv1, self.bn1 = convolution(3, 64, 7, 2), nn.BatchNorm2d(64)
        channels = 64
        for stage, filters in enumerate((64, 128, 256, 512), 1):
            first = Block(channels, filters, 1 if stage == 1 else 2)
            self.add_module(f"layer{stage}", nn.Sequential(first, Block(filters, filters, 1)))
            channels = filters
        self.fc = nn.Linear(channels, classes)

    def forward(self, images):
        images = functional.relu(self.bn1(self.conv1(images)))
        images = functional.max_pool2d(images, 3, 2, padding=1)
        for stage in range(1, 5):
            images = getattr(self, f"layer{stage}")(images)
        return self.fc(images.mean((2, 3)))
