"""The description of a model file, for users."""

import os
from math import prod
from typing import Any

import numpy as np

from digitcnn.architectures import get_layers
from digitcnn.layers import trace_shapes
from digitcnn.serialization.schema import SerializedModel, read_model


def describe_model(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The content of a model file's header, and the layers of its network, without building it.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    FileNotFoundError, ValueError
        As `digitcnn.load`.
    """
    model = read_model(path)
    # The networks of an ensemble differ only in their seeds.
    first = model.networks[0]
    classes = first.classes if model.classes is None else model.classes
    summary = {
        "written_by": f"digitcnn {model.written_by}",
        "architecture": first.architecture,
        "networks": len(model.networks),
        **_describe_steps(model),
        "weights": sum(array.size for network in model.networks for array in network.weights),
        "image_shape": " x ".join(map(str, first.image_shape)),
        "pixel_range": "{:g}..{:g}".format(*first.pixel_range),
        "classes": classes.tolist(),
        "epochs": len(first.history["loss"]),
        "training_loss": round(first.history["loss"][-1], 5),
        "training_accuracy": round(first.history["accuracy"][-1], 5),
        "temperature": round(first.temperature, 4),
    }
    if model.validation is not None:
        _, correct = model.validation
        summary["validation_digits"] = len(correct)
        summary["validation_accuracy"] = round(float(np.mean(correct)), 5)
    summary["parameters"] = first.parameters
    dropout = first.parameters.get("dropout")
    layers = get_layers(first.architecture, first.image_shape, max(len(classes), 2), dropout)
    summary["layers"] = [
        {
            "layer": str(step.layer),
            "output_shape": list(step.output_shape),
            "weights": sum(map(prod, step.weight_shapes)),
        }
        for step in trace_shapes(layers, first.image_shape)
    ]
    return summary


def _describe_steps(model: SerializedModel) -> dict[str, str]:
    """The transformers before the network, if there are any."""
    described = []
    for step in model.steps:
        settings = ", ".join(f"{name}={value!r}" for name, value in step.parameters.items())
        described.append(f"{step.kind}({settings})")
    return {"before_the_network": ", then ".join(described)} if described else {}
