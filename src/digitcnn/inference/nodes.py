"""Converts a network's layers, from their descriptions and weights, to nodes of an ONNX graph."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from digitcnn import layers
from digitcnn.layers import Layer, LayerShapes, Size, pair, trace_shapes

# Activation functions by their names in Keras.
_FUNCTIONS = {
    "elu": "Elu",
    "relu": "Relu",
    "selu": "Selu",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "tanh": "Tanh",
}
_POOLINGS: dict[type, str] = {
    layers.AveragePooling2D: "AveragePool",
    layers.GlobalAveragePooling2D: "GlobalAveragePool",
    layers.GlobalMaxPooling2D: "GlobalMaxPool",
    layers.MaxPooling2D: "MaxPool",
}


class Graph:
    """The nodes and constants of an ONNX graph, each with a unique name."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, output: str | None = None, **settings: Any) -> str:
        """Add a node; return the name of its output."""
        name = output or f"{operator}_{len(self.nodes)}"
        node = self.onnx.helper.make_node(operator, inputs, [name], name, **settings)
        self.nodes.append(node)
        return name

    def constant(self, array: np.ndarray) -> str:
        """Add an array as a constant; return its name."""
        name = f"constant_{len(self.constants)}"
        array = np.ascontiguousarray(array) if array.ndim else array
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name


def add_network(
    graph: Graph,
    stack: Sequence[Layer],
    weights: Sequence[np.ndarray],
    image_shape: tuple[int, int, int],
    x: str,
) -> str:
    """Add a network's layers; return the name of its output.

    Parameters
    ----------
    graph : Graph
        The graph to add the nodes to.
    stack : sequence of Layer
    weights : sequence of ndarray
        In Keras's order.
    image_shape : tuple of int (height, width, channels)
    x : str
        The name of images of shape (n, channels, height, width).

    Raises
    ------
    ValueError
        If a layer has a setting that is not supported, or if the weights do not fit the layers.
    """
    steps = list(trace_shapes(stack, image_shape))
    for step in steps:
        _check_settings(step)
    expected = [shape for step in steps for shape in step.weight_shapes]
    found = [array.shape for array in weights]
    if found != expected:
        raise ValueError(f"expected weights of shapes {expected}, got {found}")
    rest = iter(weights)
    for step in steps:
        own = [np.asarray(next(rest), np.float32) for _ in step.weight_shapes]
        x = _add_layer(graph, step, own, x)
    return x


def _check_settings(step: LayerShapes) -> None:
    known: dict[str, tuple[Any, ...]] = {
        "activation": (None, "softmax", *_FUNCTIONS),
        "axis": (-1, len(step.input_shape)),
        "data_format": ("channels_last",),
        "threshold": (0,),
    }
    expected = [
        f"{name}={' or '.join(map(repr, values))}"
        for name, values in known.items()
        if getattr(step.layer, name, values[0]) not in values
    ]
    if isinstance(step.layer, layers.Dense) and len(step.input_shape) > 1:
        expected = ["a Flatten or a global pooling before it"]
    if expected:
        raise ValueError(f"expected {', '.join(expected)} for the export to ONNX, got {step.layer}")


def _add_layer(graph: Graph, step: LayerShapes, weights: list[np.ndarray], x: str) -> str:
    layer = step.layer
    match layer:
        case layers.Conv2D():
            kernel, *bias = weights
            x = graph.add(
                "Conv",
                x,
                graph.constant(kernel.transpose(3, 2, 0, 1)),
                *map(graph.constant, bias),
                pads=_padding(step, layer, layer.kernel_size, layer.dilation_rate),
                dilations=pair(layer.dilation_rate),
                group=layer.groups,
                kernel_shape=pair(layer.kernel_size),
                strides=pair(layer.strides),
            )
            return _activate(graph, layer.activation, x)
        case layers.Dense():
            x = graph.add("Gemm", x, *map(graph.constant, weights))
            return _activate(graph, layer.activation, x)
        case layers.BatchNormalization():
            *shifts, mean, variance = weights
            scale = shifts.pop(0) if layer.scale else np.ones_like(mean)
            offset = shifts.pop() if layer.center else np.zeros_like(mean)
            constants = map(graph.constant, (scale, offset, mean, variance))
            return graph.add("BatchNormalization", x, *constants, epsilon=float(layer.epsilon))
        case layers.MaxPooling2D() | layers.AveragePooling2D():
            return graph.add(
                _POOLINGS[type(layer)],
                x,
                pads=_padding(step, layer, layer.pool_size),
                kernel_shape=pair(layer.pool_size),
                strides=pair(layer.strides or layer.pool_size),
            )
        case layers.GlobalMaxPooling2D() | layers.GlobalAveragePooling2D():
            x = graph.add(_POOLINGS[type(layer)], x)
            return x if layer.keepdims else graph.add("Flatten", x, axis=1)
        case layers.Flatten():
            if len(step.input_shape) == 3:
                x = graph.add("Transpose", x, perm=[0, 2, 3, 1])
            return graph.add("Flatten", x, axis=1)
        case layers.Activation():
            return _activate(graph, layer.activation, x)
        case layers.Softmax():
            return _activate(graph, "softmax", x)
        case layers.ReLU(max_value=most, negative_slope=slope):
            x = graph.add("LeakyRelu", x, alpha=float(slope)) if slope else graph.add("Relu", x)
            if most is None:
                return x
            return graph.add("Min", x, graph.constant(np.array(most, np.float32)))
        case layers.LeakyReLU():
            return graph.add("LeakyRelu", x, alpha=float(layer.negative_slope))
        case layers.ELU():
            return graph.add("Elu", x, alpha=float(layer.alpha))
        case layers.Dropout():
            return x
    raise AssertionError(layer)


def _activate(graph: Graph, activation: str | None, x: str) -> str:
    if activation == "softmax":
        # Keras has the channels in the last axis, ONNX in the second.
        return graph.add("Softmax", x, axis=1)
    return graph.add(_FUNCTIONS[activation], x) if activation in _FUNCTIONS else x


def _padding(step: LayerShapes, layer: Any, size: Size, dilation: Size = 1) -> list[int]:
    """The padding above, left, below and right, in pixels."""
    if layer.padding == "valid":
        return [0, 0, 0, 0]
    missing = []
    sides = zip(step.input_shape[:2], step.output_shape[:2], strict=True)
    windows = zip(pair(size), pair(layer.strides or size), pair(dilation), strict=True)
    for (n, n_windows), (width, stride, step_width) in zip(sides, windows, strict=True):
        covered = (n_windows - 1) * stride + (width - 1) * step_width + 1
        missing.append(max(0, covered - n))
    before = [number // 2 for number in missing]
    return before + [number - half for number, half in zip(missing, before, strict=True)]
