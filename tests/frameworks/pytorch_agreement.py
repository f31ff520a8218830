# SPDX-License-Identifier: Apache-2.0
"""PyTorch loads what Clef exports, and Clef what PyTorch saves: the same logits both ways.

The network in PyTorch is that of the example, which is run as well.
"""
import subprocess
import sys

import torch
from safetensors.torch import save_file

from agreement import ROOT, check, main, network_input

EXAMPLE = ROOT / "docs" / "examples" / "load_in_pytorch.py"
sys.path.insert(0, str(EXAMPLE.parent))

import load_in_pytorch

NETWORKS = {  # The size of the image, and options. In the last, fc1 sees a map of more than 1x1.
    "default": (32, []),
    "avgpool": (32, ["--blocks", "1,1", "--filters", "8,16", "--head", "avgpool"]),
    "flattened": (44, ["--blocks", "1,2", "--filters", "8,16"]),
}


def channels_first(images, size):
    return torch.from_numpy(network_input(images, size)).permute(0, 3, 1, 2).contiguous()


def predict(network, clef, size):
    with torch.no_grad():
        return network.eval()(channels_first(clef.test_images, size)).numpy()


def train(network, clef, size):
    """A few steps, so that every parameter and moving statistic is PyTorch's own."""
    optimiser = torch.optim.Adam(network.train().parameters(), lr=1e-4)
    images = channels_first(clef.training_images, size)
    labels = torch.from_numpy(clef.training_labels.astype("int64"))
    for first in range(0, 96, 32):
        optimiser.zero_grad()
        logits = network(images[first:first + 32])
        torch.nn.functional.cross_entropy(logits, labels[first:first + 32]).backward()
        optimiser.step()


def run_example(clef, exported):
    """As its first lines say, but for the names of the files."""
    printed = subprocess.run([sys.executable, EXAMPLE, exported, clef.path("logits.npy")],
                             check=True, cwd=ROOT, capture_output=True, text=True).stdout
    assert "Same predictions: 256 of 256" in printed, printed
    assert float(printed.split("logits: ")[1].split()[0]) < 1e-4, printed
    print("[       OK ] load_in_pytorch")


def test(clef):
    for name, (size, options) in NETWORKS.items():
        exported, theirs = clef.path(f"{name}.safetensors"), clef.path("theirs.safetensors")
        model = clef.train(name, "--image-size", size, *options)
        clef.run("export", "--model", model, "--layout", "pytorch", "--out", exported)
        network = load_in_pytorch.load(exported)
        check(f"pytorch_loads_{name}", clef.predict(model), predict(network, clef, size))
        if name == "default":
            run_example(clef, exported)
        train(network, clef, size)
        save_file(network.state_dict(), theirs)
        clef.run("import", "--weights", theirs, "--out", clef.path("ours"), "--input-shape",
                 f"{size},{size},1", *options)
        check(f"clef_loads_pytorch_{name}", clef.predict(clef.path("ours")),
              predict(network, clef, size))


main(test)
