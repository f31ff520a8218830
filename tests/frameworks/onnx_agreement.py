# SPDX-License-Identifier: Apache-2.0
"""ONNX's checker accepts what Clef exports, and onnxruntime computes the same logits, in batches of any
size."""
import onnx
import onnxruntime

from agreement import check, main, network_input

NETWORKS = {  # The size of the image, and options.
    "default": (32, []),
    "avgpool": (32, ["--blocks", "1,1", "--filters", "8,16", "--head", "avgpool"]),
    # The first dense layer sees a map of more than 1x1.
    "flattened": (44, ["--blocks", "1,2", "--filters", "8,16"]),
    # Symmetric padding, a normalisation after the first convolution, no biases, another epsilon.
    "imagenet": (45, ["--arch", "resnet18-imagenet", "--classes", "10", "--blocks", "1,1",
                      "--filters", "16,32"]),
}


def predict(exported, images):
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"input": images})
    (first,) = session.run(["logits"], {"input": images[:1]})
    assert abs(first - logits[:1]).max() <= 1e-5, "a batch of one image has other logits"
    return logits


def test(clef):
    for name, (size, options) in NETWORKS.items():
        exported = clef.path(f"{name}.onnx")
        model = clef.train(name, "--image-size", size, *options)
        clef.run("export", "--model", model, "--format", "onnx", "--out", exported)
        onnx.checker.check_model(str(exported), full_check=True)
        images = network_input(clef.test_images, size).transpose(0, 3, 1, 2)
        check(f"onnxruntime_{name}", clef.predict(model), predict(exported, images))


main(test)
