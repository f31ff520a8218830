# SPDX-License-Identifier: Apache-2.0
"""What the networks in PyTorch share: the options and the training step.

eager is plain PyTorch; channels_last adds that memory format and the fused Adam; compile adds
torch.compile to both.
"""
from common import measure, parse_options, synthetic_data

options = parse_options("Times training steps in PyTorch, on the CPU.",
                        ["eager", "channels_last", "compile"])

import torch
from torch.nn import functional

torch.set_num_threads(options.threads)
torch.manual_seed(1)


def measure_training(network, parameters, image, classes):
    assert sum(p.numel() for p in network.parameters()) == parameters, "not Clef's network"
    tuned = options.mode != "eager"
    memory_format = torch.channels_last if tuned else torch.contiguous_format
    network = network.to(memory_format=memory_format)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, fused=tuned)
    model = torch.compile(network) if options.mode == "compile" else network
    images, labels = synthetic_data(options.batch_size, image, classes)
    images = [torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
              for batch in images]
    labels = [torch.from_numpy(batch) for batch in labels]

    def step(batch):
        optimiser.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(model(images[batch]), labels[batch])
        loss.backward()
        optimiser.step()
        return loss.item()

    measure(f"torch {options.mode}", f"torch {torch.__version__}", options, step)
