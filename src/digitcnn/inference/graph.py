"""The ONNX graph of a fitted classifier, from pixels to labels and probabilities.

It is built without Keras from plain data: the layers' descriptions and their weights. It includes
everything that `predict` does besides the network: scaling by the pixel range, test-time
augmentation, the temperature, the mean of an ensemble, and the labels of the classes.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from digitcnn._version import __version__
from digitcnn.architectures import Architecture, ImageShape, count_outputs
from digitcnn.augmentation.distortion import draw_views
from digitcnn.inference.nodes import Graph, add_network

# Old enough for all runtimes in use, and new enough for all operators here.
_OPSET = 17
_IR_VERSION = 8


class FittedNetwork(NamedTuple):
    """A fitted network as plain data.

    Parameters
    ----------
    layers : tuple of Layer
        The description of its layers.
    weights : list of ndarray
        In Keras's order.
    image_shape : tuple of int (height, width, channels)
    pixel_range : tuple of two floats
        The pixel values that are mapped to 0 and 1.
    temperature : float, default=1.0
        The divisor of the logits.
    n_views : int, default=0
        The number of views of each image (``test_time_augmentation``).
    fill_mode : {"nearest", "constant"}, default="nearest"
        How views continue an image beyond its border.
    """

    layers: Architecture
    weights: list[np.ndarray]
    image_shape: ImageShape
    pixel_range: tuple[float, float]
    temperature: float = 1.0
    n_views: int = 0
    fill_mode: str = "nearest"


def build_graph(
    networks: Sequence[FittedNetwork], classes: np.ndarray, *, preprocessing: str = ""
) -> Any:
    """The ONNX graph of a network, or of an ensemble.

    Parameters
    ----------
    networks : sequence of FittedNetwork
        One or more, for images of one shape.
    classes : ndarray of shape (n_classes,)
        Labels, numbers or strings.
    preprocessing : str, default=""
        The preprocessing that pictures need first, in words, for the metadata.

    Returns
    -------
    onnx.ModelProto
        A checked model. See `digitcnn.export_onnx` for its inputs and outputs.

    Raises
    ------
    ValueError
        If the labels are neither numbers nor strings, if a layer is not supported, or if the
        weights do not fit the layers.
    """
    import onnx

    graph = Graph(onnx)
    height, width, channels = networks[0].image_shape
    answers = [_probabilities(graph, network, len(classes)) for network in networks]
    mean = answers[0] if len(answers) == 1 else graph.add("Mean", *answers)
    graph.add("Identity", mean, output="probabilities")
    best = graph.add("ArgMax", mean, axis=1, keepdims=0)
    labels = _to_labels(classes)
    graph.add("Gather", graph.constant(labels), best, output="label")

    kind = onnx.helper.np_dtype_to_tensor_dtype
    value = onnx.helper.make_tensor_value_info
    pixel_range = networks[0].pixel_range
    made = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "digitcnn",
            [value("images", kind(input_dtype(pixel_range)), ["n", height, width, channels])],
            [
                value("label", kind(labels.dtype), ["n"]),
                value("probabilities", kind(np.dtype(np.float32)), ["n", len(classes)]),
            ],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="digitcnn",
        producer_version=__version__,
    )
    metadata: dict[str, Any] = {
        "digitcnn": __version__,
        "classes": classes.tolist(),
        "image_shape": [height, width, channels],
        "pixel_range": list(pixel_range),
        "networks": len(networks),
    }
    if preprocessing:
        metadata["preprocessing"] = preprocessing
    onnx.helper.set_model_props(made, {name: json.dumps(value) for name, value in metadata.items()})
    onnx.checker.check_model(made, full_check=True)
    return made


def input_dtype(pixel_range: tuple[float, float]) -> np.dtype:
    """The type of a graph's images: uint8 if the pixels are bytes, otherwise float32."""
    low, high = pixel_range
    # A white that was found in the data may be any number, such as 1.04.
    is_bytes = low >= 0 and 1 < high <= 255 and float(high).is_integer()
    return np.dtype(np.uint8 if is_bytes else np.float32)


def _to_labels(classes: np.ndarray) -> np.ndarray:
    """Labels in a type that ONNX supports."""
    kind = classes.dtype.kind
    if kind == "U" or (kind == "O" and all(isinstance(label, str) for label in classes)):
        return classes.astype(object)
    if kind in "iu":
        return classes.astype(np.int64)
    if kind in "bf":
        return classes
    raise ValueError(f"expected labels that are numbers or strings for ONNX, got {classes.dtype}")


def _probabilities(graph: Graph, network: FittedNetwork, n_classes: int) -> str:
    """Nodes that compute the same as `DigitCNNClassifier.predict_proba`."""
    low, high = network.pixel_range
    # The same arithmetic as in `digitcnn._utils.pixel_range.scale`.
    factor = np.float32(1.0 / (high - low) if high > low else 1.0)
    x = graph.add("Cast", "images", to=graph.onnx.TensorProto.FLOAT)
    if low:
        x = graph.add("Sub", x, graph.constant(np.array(low, np.float32)))
    x = graph.add("Mul", x, graph.constant(np.array(factor)))
    if network.n_views > 1:
        x = _views(graph, network, x)
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    x = add_network(graph, network.layers, network.weights, network.image_shape, x)
    if network.n_views > 1:
        # The network has two outputs even for a single class.
        apart = graph.constant(np.array([-1, network.n_views, count_outputs(n_classes)], np.int64))
        x = graph.add("ReduceMean", graph.add("Reshape", x, apart), axes=[1], keepdims=0)
    if n_classes == 1:
        # The network's second output is not a class.
        return graph.add("ReduceSum", x, graph.constant(np.array([1])), keepdims=1)
    if network.temperature != 1.0:
        temperature = graph.constant(np.array(network.temperature, np.float32))
        x = graph.add("Div", graph.add("Log", x), temperature)
        x = graph.add("Softmax", x, axis=1)
    return x


def _views(graph: Graph, network: FittedNetwork, x: str) -> str:
    """The views of each image, as `digitcnn.augmentation.distortion.apply_view` makes them."""
    height, width, channels = network.image_shape
    matrices = draw_views(network.n_views, (height, width))
    row, column = (part.ravel() for part in np.mgrid[:height, :width].astype(np.float32))
    across, down = (
        (matrices[:, i, 0:1] * column + matrices[:, i, 1:2] * row + matrices[:, i, 2:3]).ravel()
        for i in (0, 1)
    )
    inside = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
    across, down = across.clip(0, width - 1), down.clip(0, height - 1)
    x0, y0 = np.floor(across).astype(np.int64), np.floor(down).astype(np.int64)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    right, below = across - x0, down - y0
    # The background is 0 after scaling, so pixels from outside of the image get the weight 0.
    counts = 1.0 if network.fill_mode == "nearest" else inside.astype(np.float32)
    pixels = graph.add(
        "Reshape", x, graph.constant(np.array([-1, height * width, channels], np.int64))
    )
    corners = [
        (y0 * width + x0, (1 - right) * (1 - below)),
        (y0 * width + x1, right * (1 - below)),
        (y1 * width + x0, (1 - right) * below),
        (y1 * width + x1, right * below),
    ]
    parts = []
    for indices, weights in corners:
        found = graph.add("Gather", pixels, graph.constant(indices), axis=1)
        factors = (weights * counts).astype(np.float32)[:, None]
        parts.append(graph.add("Mul", found, graph.constant(factors)))
    shape = np.array([-1, height, width, channels], np.int64)
    return graph.add("Reshape", graph.add("Sum", *parts), graph.constant(shape))
