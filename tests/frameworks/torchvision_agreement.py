# SPDX-License-Identifier: Apache-2.0
"""A torchvision-shaped ResNet-18 at 224x224 with weights made in PyTorch: Clef has its logits, and the
gradients and moving statistics of one step of fine-tuning.

Where the argument of a ReLU is so near zero that rounding decides, correct gradients part: of the
random network, PyTorch's in single and in double precision differ by a percent. So gradients are
compared in a second network, whose normalisations are shifted: hardly an argument is near zero.

The program imagenet_step computes Clef's side; the environment names it and the device.
"""
import os
import subprocess
import sys
import tempfile

import numpy
import torch
from safetensors.torch import load_file, save_file

from torchvision_resnet18 import ResNet18

BATCH, SEED = 3, 1
LOGITS_TOLERANCE = 1e-4  # Between any two.
STEP_TOLERANCE = 1e-3  # Of the length of the difference, relative to that of what PyTorch has.
LEAST_LOGIT = 1.0  # Of the largest; beside smaller ones the tolerance would say nothing.


def shift(module, cuts):
    """Moves the channels by 2.5 deviations, to be passed; if `cuts`, half of them to be cut off."""
    torch.nn.init.uniform_(module.weight, 0.8, 1.2)
    torch.nn.init.constant_(module.bias, 2.5)
    if cuts:
        module.bias.data[::2] = -2.5


def make_network(shifted):
    """Random weights, and moving statistics that fit them, as after training."""
    network = ResNet18().train()
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.3, 0.3)
            if shifted:  # Of a sum of two no channel may be cut off, or the other would cancel it.
                shift(module, name.endswith("bn1"))
    torch.nn.init.normal_(network.fc.weight, std=0.05)
    with torch.no_grad():
        for _ in range(20):
            network(torch.rand(2, 3, 96, 96))
    return network


def make_batch():
    """Smooth colours under noise, uint8 [N, 224, 224, 3], and labels."""
    colours = torch.nn.functional.interpolate(torch.rand(BATCH, 3, 7, 7), (224, 224),
                                              mode="bilinear")
    images = (colours * 224 + torch.rand(BATCH, 3, 224, 224) * 31).byte()
    return images.permute(0, 2, 3, 1).contiguous().numpy(), torch.randint(1000, (BATCH,))


def run_clef(directory, network, images, labels):
    def path(name):
        return os.path.join(directory, name)
    save_file(network.state_dict(), path("weights"))
    images.tofile(path("images"))
    labels.numpy().astype(numpy.int32).tofile(path("labels"))
    code = subprocess.run([os.environ["CLEF_IMAGENET_STEP"], os.environ["CLEF_TEST_DEVICE"],
                           *map(path, ("weights", "images", "labels", "logits", "step"))]).returncode
    if code != 0:
        sys.exit(code)
    return numpy.fromfile(path("logits"), numpy.float32).reshape(BATCH, -1), load_file(path("step"))


def run_pytorch(network, images, labels):
    """The logits of the moving statistics, then the gradients and the statistics of a step."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        logits = network.eval()(pixels).numpy()
    torch.nn.functional.cross_entropy(network.train()(pixels), labels).backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    statistics = {name: values for name, values in network.named_buffers()
                  if not name.endswith("num_batches_tracked")}
    return logits, gradients, statistics


def compare_logits(name, ours, theirs):
    largest, distance = abs(theirs).max(), abs(ours - theirs).max()
    print(f"{name}: logits up to {largest:.3g}, largest difference {distance:.2g}")
    assert ours.shape == theirs.shape == (BATCH, 1000)
    assert largest >= LEAST_LOGIT, "too little to compare"
    assert distance <= LOGITS_TOLERANCE, f"more than {LOGITS_TOLERANCE}"
    print(f"[       OK ] {name}_logits")


def compare_step(name, ours, theirs):
    distances = {key: ((ours[key] - theirs[key]).norm() / theirs[key].norm()).item()
                 for key in theirs}
    worst = max(distances, key=distances.get)
    print(f"{name}: {len(distances)} tensors, largest difference {distances[worst]:.2g}, of {worst}")
    for key, distance in distances.items():
        assert distance <= STEP_TOLERANCE, f"{key}: {distance} is more than {STEP_TOLERANCE}"
    print(f"[       OK ] {name}")


def test(name, shifted):
    torch.manual_seed(SEED)
    network = make_network(shifted)
    images, labels = make_batch()
    with tempfile.TemporaryDirectory() as directory:
        our_logits, our_step = run_clef(directory, network, images, labels)
    logits, gradients, statistics = run_pytorch(network, images, labels)
    assert our_step.keys() == gradients.keys() | statistics.keys()
    compare_logits(name, our_logits, logits)
    compare_step(f"{name}_statistics", our_step, statistics)
    if shifted:
        compare_step(f"{name}_gradients", our_step, gradients)


test("random", shifted=False)
test("shifted", shifted=True)
