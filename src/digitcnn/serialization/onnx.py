"""A fitted estimator as an ONNX graph: from bytes of pixels to labels and probabilities.

The graph is made of the layers one by one: the named architectures have a dozen kinds of them. All
that `predict` does beside the network is in the graph too: the pixel range, several views of each
image, the temperature, the mean of an ensemble, the names of the classes.
"""

import copy
import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.utils.validation import check_is_fitted

from digitcnn._utils.atomic import atomic_write
from digitcnn._version import __version__
from digitcnn.architectures import count_outputs

# Old enough for every runtime that is in use, and new enough for all operators here.
_OPSET = 17
_IR_VERSION = 8

# How far probabilities may be from the estimator's where both compute in float32.
TOLERANCE = 1e-4


def export_onnx(clf: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted classifier, or an ensemble of them, as an ONNX file.

    The file reads images without this package, in any runtime of ONNX. Its input ``images`` has the
    shape (n, height, width, channels), n being any number. It is uint8, or float32 where the
    training data's pixel range does not lie in 0..255 or is no wider than 0..1. Its outputs are
    ``label``, of shape (n,) and of the labels' own type, and ``probabilities``, float32 of shape
    (n, n_classes). The scaling of the pixels, the views of `test_time_augmentation`, the
    temperature and the mean of an ensemble are in the graph; checks of the images are not, nor is
    what ``image_shape="pad"`` does to rows: fill them with zeros to the images' size first. It
    computes in float32 whatever the estimator's precision.

    Parameters
    ----------
    clf : DigitCNNClassifier or sklearn.ensemble.VotingClassifier
        The latter of `DigitCNNClassifier` alone, with ``voting="soft"`` and without weights.
    path : str or path-like
        A file that is there is replaced, as a whole or not at all.

    Raises
    ------
    ImportError
        If the package onnx is missing, which comes with the extra ``onnx``.
    ValueError
        If it is another estimator, if the labels are neither numbers nor strings, or if a network
        of the user's own is no `keras.Sequential` or has a layer that is not known here.

    Examples
    --------
    >>> import tempfile, os
    >>> import digitcnn, onnxruntime
    >>> X, y = digitcnn.datasets.load_sample_digits()
    >>> clf = digitcnn.DigitCNNClassifier(epochs=1, random_state=0).fit(X[:256], y[:256])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digitcnn.export_onnx(clf, os.path.join(folder, "m.onnx"))
    ...     session = onnxruntime.InferenceSession(os.path.join(folder, "m.onnx"))
    >>> label, probabilities = session.run(None, {"images": X[:3].reshape(-1, 28, 28, 1)})
    >>> probabilities.shape
    (3, 10)
    """
    data = to_onnx(clf)
    atomic_write(path, lambda file: file.write(data))


def to_onnx(clf: Any) -> bytes:
    """What `export_onnx` writes."""
    try:
        import onnx
    except ImportError:
        raise ImportError(
            "exporting to ONNX wants the package onnx: pip install 'digitcnn[onnx]'"
        ) from None
    check_is_fitted(clf)
    members = _members(clf)
    graph = _Graph(onnx)
    height, width, channels = members[0].image_shape_
    answers = [_probabilities(graph, member) for member in members]
    mean = answers[0] if len(answers) == 1 else graph.add("Mean", *answers)
    graph.add("Identity", mean, output="probabilities")
    best = graph.add("ArgMax", mean, axis=1, keepdims=0)
    classes = _class_names(clf.classes_)
    graph.add("Gather", graph.constant(classes), best, output="label")

    n_classes = len(clf.classes_)
    kind = onnx.helper.np_dtype_to_tensor_dtype
    value = onnx.helper.make_tensor_value_info
    made = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "digitcnn",
            [value("images", kind(input_dtype(members)), ["n", height, width, channels])],
            [
                value("label", kind(classes.dtype), ["n"]),
                value("probabilities", kind(np.dtype(np.float32)), ["n", n_classes]),
            ],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="digitcnn",
        producer_version=__version__,
    )
    metadata = {
        "digitcnn": __version__,
        "classes": clf.classes_.tolist(),
        "image_shape": [height, width, channels],
        "pixel_range": list(members[0].pixel_range_),
        "networks": len(members),
    }
    onnx.helper.set_model_props(made, {name: json.dumps(value) for name, value in metadata.items()})
    onnx.checker.check_model(made, full_check=True)
    data: bytes = made.SerializeToString()
    return data


def compare(clf: Any, data: bytes, X: np.ndarray) -> tuple[int, float]:
    """How far an exported graph, run by ONNX Runtime, is from its estimator.

    Parameters
    ----------
    clf : DigitCNNClassifier or sklearn.ensemble.VotingClassifier
    data : bytes
        From `to_onnx`.
    X : ndarray of shape (n, pixels)

    Returns
    -------
    n_differing : int
        Labels that are not the same.
    difference : float
        The largest one between two probabilities.

    Raises
    ------
    ImportError
        If the package onnxruntime is missing, which comes with the extra ``onnx``.
    """
    try:
        import onnxruntime
    except ImportError:
        raise ImportError(
            "running an ONNX file wants the package onnxruntime: pip install 'digitcnn[onnx]'"
        ) from None
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    members = _members(clf)
    images = members[0]._to_images(X).astype(input_dtype(members))
    labels, probabilities = session.run(["label", "probabilities"], {"images": images})
    names = getattr(clf, "feature_names_in_", None)
    own = clf.predict_proba(X if names is None else _named(X, names))
    n_differing = int((labels != clf.classes_[own.argmax(axis=1)]).sum())
    return n_differing, float(np.abs(probabilities - own).max())


def _named(X: np.ndarray, names: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=names)


class _Graph:
    """Nodes and constants, with a name for each."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, output: str | None = None, **settings: Any) -> str:
        """The name of what an operator gives."""
        name = output or f"{operator}_{len(self.nodes)}"
        node = self.onnx.helper.make_node(operator, inputs, [name], name, **settings)
        self.nodes.append(node)
        return name

    def constant(self, array: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name


def _members(clf: Any) -> list[Any]:
    is_ensemble = isinstance(clf, VotingClassifier)
    members = clf.estimators_ if is_ensemble else [clf]
    is_plain = not is_ensemble or (clf.voting == "soft" and clf.weights is None)
    if not is_plain or not all(hasattr(member, "wrapper_") for member in members):
        raise ValueError(
            f"{clf!r} cannot be exported to ONNX; wanted is a DigitCNNClassifier, or a "
            "VotingClassifier(voting='soft') of such, without weights"
        )
    return members


def input_dtype(members: list[Any]) -> np.dtype:
    """The graph's own: uint8 where the pixels are bytes."""
    low, high = members[0].pixel_range_
    # A white that was found in the data may be any number, as 1.04.
    is_bytes = low >= 0 and 1 < high <= 255 and float(high).is_integer()
    return np.dtype(np.uint8 if is_bytes else np.float32)


def _class_names(classes: np.ndarray) -> np.ndarray:
    kind = classes.dtype.kind
    if kind == "U" or (kind == "O" and all(isinstance(label, str) for label in classes)):
        return classes.astype(object)
    if kind in "iu":
        return classes.astype(np.int64)
    if kind in "bf":
        return classes
    raise ValueError(
        f"labels of {classes.dtype} cannot be exported to ONNX; wanted are numbers or strings"
    )


def _probabilities(graph: _Graph, clf: Any) -> str:
    """All that `clf.predict_proba` does."""
    low, high = clf.pixel_range_
    # The same numbers as those of `digitcnn.augmentation.batches.scale`.
    factor = np.float32(1.0 / (high - low) if high > low else 1.0)
    x = graph.add("Cast", "images", to=graph.onnx.TensorProto.FLOAT)
    if low:
        x = graph.add("Sub", x, graph.constant(np.array(low, np.float32)))
    x = graph.add("Mul", x, graph.constant(np.array(factor)))
    n_views = clf.test_time_augmentation
    if n_views > 1:
        x = _views(graph, clf, x, n_views)
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    # Of a copy: the estimator need not keep a network for itself because of this.
    x = _network(graph, copy.copy(clf.wrapper_.trainer.network).model, x)
    if n_views > 1:
        n_outputs = count_outputs(len(clf.classes_))
        apart = graph.constant(np.array([-1, n_views, n_outputs], np.int64))
        x = graph.add("ReduceMean", graph.add("Reshape", x, apart), axes=[1], keepdims=0)
    if len(clf.classes_) == 1:
        # The network's second output stands for nothing.
        return graph.add("ReduceSum", x, graph.constant(np.array([1])), keepdims=1)
    if clf.temperature_ != 1.0:
        temperature = graph.constant(np.array(clf.temperature_, np.float32))
        x = graph.add("Div", graph.add("Log", x), temperature)
        x = graph.add("Softmax", x, axis=1)
    return x


def _views(graph: _Graph, clf: Any, x: str, n_views: int) -> str:
    """Each image as `augmentation.distortion.look_again` sees it, one view after the other."""
    from digitcnn.augmentation.distortion import draw_views

    height, width, channels = clf.image_shape_
    matrices = draw_views(n_views, (height, width))
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
    # Where the background comes in, which is 0 after the scaling, no pixel counts.
    counts = 1.0 if clf.fill_mode == "nearest" else inside.astype(np.float32)
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
    for places, weights in corners:
        found = graph.add("Gather", pixels, graph.constant(places), axis=1)
        factors = (weights * counts).astype(np.float32)[:, None]
        parts.append(graph.add("Mul", found, graph.constant(factors)))
    shape = np.array([-1, height, width, channels], np.int64)
    return graph.add("Reshape", graph.add("Sum", *parts), graph.constant(shape))


def _network(graph: _Graph, model: Any, x: str) -> str:
    """The network's answers to images of shape (n, channels, height, width)."""
    import keras

    if not isinstance(model, keras.Sequential):
        raise ValueError(
            f"a {type(model).__name__} cannot be exported to ONNX; wanted is a keras.Sequential, "
            "as the named architectures are"
        )
    for layer in model.layers:
        translate = _translations().get(type(layer))
        if translate is None or getattr(layer, "data_format", "channels_last") != "channels_last":
            raise ValueError(
                f"layer {layer.name!r}, a {type(layer).__name__}, cannot be exported to ONNX; "
                f"known are {', '.join(sorted(kind.__name__ for kind in _translations()))}, with "
                "the channels last"
            )
        x = translate(graph, layer, x)
    return x


def _translations() -> dict[type, Callable[[_Graph, Any, str], str]]:
    from keras import layers

    def unchanged(graph: _Graph, layer: Any, x: str) -> str:
        return x

    return {
        layers.Activation: _activate,
        layers.AveragePooling2D: lambda graph, layer, x: _pool(graph, layer, x, "AveragePool"),
        layers.BatchNormalization: _normalize,
        layers.Conv2D: _convolve,
        layers.Dense: _connect,
        layers.Dropout: unchanged,
        layers.ELU: lambda graph, layer, x: graph.add("Elu", x, alpha=float(layer.alpha)),
        layers.Flatten: _flatten,
        layers.GlobalAveragePooling2D: lambda graph, layer, x: _pool_all(
            graph, layer, x, "GlobalAveragePool"
        ),
        layers.GlobalMaxPooling2D: lambda graph, layer, x: _pool_all(
            graph, layer, x, "GlobalMaxPool"
        ),
        layers.InputLayer: unchanged,
        layers.LeakyReLU: lambda graph, layer, x: graph.add(
            "LeakyRelu", x, alpha=float(layer.negative_slope)
        ),
        layers.MaxPooling2D: lambda graph, layer, x: _pool(graph, layer, x, "MaxPool"),
        layers.ReLU: _rectify,
        layers.Softmax: lambda graph, layer, x: _softmax(graph, layer, x, layer.axis),
    }


def _weight(graph: _Graph, variable: Any, axes: tuple[int, ...] | None = None) -> str:
    from keras import ops

    array = np.asarray(ops.convert_to_numpy(variable), np.float32)
    return graph.constant(np.ascontiguousarray(array if axes is None else array.transpose(axes)))


def _activate(graph: _Graph, layer: Any, x: str) -> str:
    from keras import activations

    activation = layer.activation
    if activation is activations.linear:
        return x
    if activation is activations.softmax:
        return _softmax(graph, layer, x, -1)
    known = {
        activations.elu: "Elu",
        activations.relu: "Relu",
        activations.selu: "Selu",
        activations.sigmoid: "Sigmoid",
        activations.softplus: "Softplus",
        activations.tanh: "Tanh",
    }
    if activation not in known:
        name = getattr(activation, "__name__", repr(activation))
        raise ValueError(
            f"the activation {name!r} of layer {layer.name!r} cannot be exported to ONNX; known "
            f"are linear, softmax, {', '.join(one.__name__ for one in known)}"
        )
    return graph.add(known[activation], x)


def _softmax(graph: _Graph, layer: Any, x: str, axis: Any) -> str:
    # Keras's last axis is the one of the channels, which here is the second.
    if axis not in (-1, len(layer.output.shape) - 1):
        raise ValueError(f"layer {layer.name!r}: a softmax along axis {axis} cannot be exported")
    return graph.add("Softmax", x, axis=1)


def _rectify(graph: _Graph, layer: Any, x: str) -> str:
    if layer.threshold:
        raise ValueError(f"layer {layer.name!r}: a ReLU with a threshold cannot be exported")
    slope = float(layer.negative_slope)
    x = graph.add("LeakyRelu", x, alpha=slope) if slope else graph.add("Relu", x)
    if layer.max_value is not None:
        x = graph.add("Min", x, graph.constant(np.array(layer.max_value, np.float32)))
    return x


def _padding(layer: Any, kernel: tuple[int, ...], dilations: tuple[int, ...]) -> list[int]:
    """Pixels to add above, on the left, below and on the right."""
    if layer.padding == "valid":
        return [0, 0, 0, 0]
    missing = []
    sides = layer.input.shape[1:3]
    for side, size, stride, dilation in zip(sides, kernel, layer.strides, dilations, strict=True):
        covered = (-(-side // stride) - 1) * stride + (size - 1) * dilation + 1
        missing.append(max(0, covered - side))
    before = [number // 2 for number in missing]
    return before + [number - half for number, half in zip(missing, before, strict=True)]


def _convolve(graph: _Graph, layer: Any, x: str) -> str:
    inputs = [x, _weight(graph, layer.kernel, (3, 2, 0, 1))]
    if layer.use_bias:
        inputs.append(_weight(graph, layer.bias))
    x = graph.add(
        "Conv",
        *inputs,
        pads=_padding(layer, layer.kernel_size, layer.dilation_rate),
        dilations=list(layer.dilation_rate),
        group=layer.groups,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.strides),
    )
    return _activate(graph, layer, x)


def _pool(graph: _Graph, layer: Any, x: str, operator: str) -> str:
    return graph.add(
        operator,
        x,
        pads=_padding(layer, layer.pool_size, (1, 1)),
        kernel_shape=list(layer.pool_size),
        strides=list(layer.strides),
    )


def _pool_all(graph: _Graph, layer: Any, x: str, operator: str) -> str:
    x = graph.add(operator, x)
    return x if layer.keepdims else graph.add("Flatten", x, axis=1)


def _normalize(graph: _Graph, layer: Any, x: str) -> str:
    if layer.axis not in (-1, len(layer.output.shape) - 1):
        raise ValueError(f"layer {layer.name!r}: only a normalisation of channels can be exported")
    n = layer.moving_mean.shape[0]
    scale = _weight(graph, layer.gamma) if layer.scale else graph.constant(np.ones(n, np.float32))
    shift = _weight(graph, layer.beta) if layer.center else graph.constant(np.zeros(n, np.float32))
    averages = _weight(graph, layer.moving_mean), _weight(graph, layer.moving_variance)
    return graph.add("BatchNormalization", x, scale, shift, *averages, epsilon=float(layer.epsilon))


def _flatten(graph: _Graph, layer: Any, x: str) -> str:
    if len(layer.input.shape) == 4:
        x = graph.add("Transpose", x, perm=[0, 2, 3, 1])
    return graph.add("Flatten", x, axis=1)


def _connect(graph: _Graph, layer: Any, x: str) -> str:
    if len(layer.input.shape) != 2:
        raise ValueError(
            f"layer {layer.name!r}: a Dense layer on pictures cannot be exported to ONNX; put a "
            "Flatten or a global pooling before it"
        )
    inputs = [x, _weight(graph, layer.kernel)]
    if layer.use_bias:
        inputs.append(_weight(graph, layer.bias))
    return _activate(graph, layer, graph.add("Gemm", *inputs))
