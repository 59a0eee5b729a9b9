"""The content of a model file: every name, type and value is checked before it is used."""

import os
from typing import Any, NamedTuple

import numpy as np

from digitcnn._utils.array_file import read_model_file
from digitcnn._utils.parameters import RULES, check_parameters
from digitcnn.architectures import count_outputs, weight_shapes
from digitcnn.serialization.checks import fields, real, text, whole
from digitcnn.serialization.labels import labels_from_json
from digitcnn.serialization.steps import SerializedStep, check_step

# Parameters that are objects or paths of the running program.
EXCLUDED = ("callbacks", "checkpoint_dir", "init")

_LARGEST_SIDE = 2**31
_FITTED = (
    "classes_",
    "classes_dtype",
    "feature_names_in_",
    "history_",
    "image_shape_",
    "n_features_in_",
    "pixel_range_",
    "precision_",
    "_seed",
    "temperature_",
)


class SerializedNetwork(NamedTuple):
    """A fitted `DigitCNNClassifier` as plain data, named as its attributes."""

    name: str
    parameters: dict[str, Any]
    classes: np.ndarray
    feature_names: list[str]
    n_features: int
    image_shape: tuple[int, int, int]
    pixel_range: tuple[float, float]
    seed: int
    temperature: float
    history: dict[str, list[float]]
    batch_losses: list[float]
    weights: list[np.ndarray]

    @property
    def architecture(self) -> str:
        """The name of the network: "compact", the first default, if the file has none."""
        name: str = self.parameters.get("architecture", "compact")
        return name


class SerializedModel(NamedTuple):
    """The content of a model file.

    Attributes
    ----------
    written_by : str
        The version of digitcnn that wrote it.
    networks : list of SerializedNetwork
    classes : ndarray or None
        The labels of an ensemble, whose networks have the numbers from 0 up as classes; None for a
        single network.
    validation : tuple of two ndarrays, or None
        The confidence of each validation answer, and whether it was correct.
    steps : list of SerializedStep
        The transformers of a pipeline; empty if the model is not a pipeline.
    last_step : str or None
        The name of a pipeline's last step; None if the model is not a pipeline.
    """

    written_by: str
    networks: list[SerializedNetwork]
    classes: np.ndarray | None
    validation: tuple[np.ndarray, np.ndarray] | None
    steps: list[SerializedStep]
    last_step: str | None


def read_model(path: str | os.PathLike[str]) -> SerializedModel:
    """Read a model file, and check all of its content, including the shapes of the weights.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a model file, has another version, is damaged, or has invalid content.
    """
    content, arrays = read_model_file(path)
    try:
        model = check_model(content, arrays)
        for network in model.networks:
            _check_shapes(network)
        return model
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path}: expected a complete digitcnn model file: {error}") from None


def _check_shapes(kept: SerializedNetwork) -> None:
    """Check the shapes of the weights before the network is built.

    Building a network of the size that a file declares could need any amount of memory.
    """
    expected = weight_shapes(kept.architecture, kept.image_shape, count_outputs(len(kept.classes)))
    if [array.shape for array in kept.weights] != expected:
        raise ValueError(
            f"expected the weights of a network {kept.architecture!r} for images of "
            f"{kept.image_shape} and {len(kept.classes)} classes, got other shapes"
        )


def check_model(content: dict[str, Any], arrays: list[np.ndarray]) -> SerializedModel:
    """Check a model file's header and arrays, see `read_model`.

    Raises
    ------
    LookupError, TypeError, ValueError, AttributeError, OverflowError
        If the content is invalid.
    """
    names = ("digitcnn", "ensemble", "has_validation", "members")
    header = dict(content)
    steps, last_step = _check_pipeline(header.pop("pipeline", None))
    written_by, ensemble, has_validation, members = fields(header, names, "its header")
    if not isinstance(members, list) or not members:
        raise ValueError("expected a list of networks, got none")
    left = list(arrays)
    networks = []
    for member in members:
        network, left = _check_network(member, left)
        networks.append(network)
    validation = None
    if has_validation is True:
        validation = _check_validation(left[:2])
        left = left[2:]
    if left or not isinstance(has_validation, bool):
        raise ValueError(f"expected arrays of its networks, got {len(left)} more")
    classes = None
    if ensemble is None:
        if len(networks) > 1:
            raise ValueError(f"expected one network without an ensemble, got {len(networks)}")
    else:
        fields(ensemble, ("classes_", "classes_dtype"), "its ensemble")
        classes = labels_from_json(ensemble)
        if len({network.name for network in networks}) < len(networks):
            raise ValueError("expected networks with different names, got two of one name")
        for network in networks:
            if not np.array_equal(network.classes, np.arange(len(classes))):
                raise ValueError("expected networks with the ensemble's labels, got others")
    for step in steps:
        size = step.parameters.get("size")
        if size is not None and networks[0].image_shape != (size, size, 1):
            raise ValueError(
                f"expected a network for the normaliser's images of {size}x{size} pixels, got one "
                f"for images of {networks[0].image_shape}"
            )
    version = text(written_by, "its version")
    return SerializedModel(version, networks, classes, validation, steps, last_step)


def _check_pipeline(kept: Any) -> tuple[list[SerializedStep], str | None]:
    """The transformers of a pipeline, and the name of its last step."""
    if kept is None:
        return [], None
    last_step, steps = fields(kept, ("last_step", "steps"), "its pipeline")
    if not isinstance(steps, list):
        raise ValueError("expected a list of the pipeline's steps")
    checked = [check_step(step) for step in steps]
    names = [*(step.name for step in checked), text(last_step, "the name of the last step")]
    if len(set(names)) < len(names):
        raise ValueError("expected steps with different names, got two of one name")
    kinds = [step.kind for step in checked]
    if len(set(kinds)) < len(kinds) or kinds != sorted(kinds):
        raise ValueError("expected at most a DigitCSVTransformer, then a DigitNormalizer")
    return checked, last_step


def _check_network(
    member: Any, arrays: list[np.ndarray]
) -> tuple[SerializedNetwork, list[np.ndarray]]:
    """One network, and the arrays of the following ones."""
    names = ("fitted", "n_weights", "name", "parameters")
    fitted, n_weights, name, kept = fields(member, names, "a network")
    parameters = _check_parameters(kept)
    fields(fitted, _FITTED, "a network's attributes")
    n_weights = whole(n_weights, 1, len(arrays) - 1, "the number of a network's weights")
    weights, batch_losses = arrays[:n_weights], arrays[n_weights]
    for array in weights:
        if array.dtype != np.float32:
            raise ValueError(f"expected weights of float32, got {array.dtype}")
        if not np.isfinite(array).all():
            raise ValueError("expected finite weights, got others")
    if batch_losses.dtype != np.float64 or batch_losses.ndim != 1:
        raise ValueError("expected a list of batch losses in float64, got another array")
    sides = fitted["image_shape_"]
    if not isinstance(sides, list) or len(sides) != 3:
        raise ValueError("expected image_shape_ to be three numbers")
    height, width, channels = (whole(side, 1, _LARGEST_SIDE, "image_shape_") for side in sides)
    n_pixels = height * width * channels
    n_features = whole(fitted["n_features_in_"], 1, n_pixels, "n_features_in_")
    if n_features < n_pixels and parameters.get("image_shape") != "pad":
        raise ValueError(f"expected {n_pixels} features for its images, got {n_features}")
    if not isinstance(fitted["feature_names_in_"], list):
        raise ValueError("expected feature_names_in_ to be a list")
    feature_names = [text(one, "a feature's name") for one in fitted["feature_names_in_"]]
    if feature_names and len(feature_names) != n_features:
        raise ValueError(f"expected names of {n_features} features, got {len(feature_names)}")
    low, high = (real(number, "pixel_range_") for number in fitted["pixel_range_"])
    temperature = real(fitted["temperature_"], "temperature_")
    if low > high or temperature <= 0:
        raise ValueError("expected pixel_range_ from low to high, and temperature_ above 0")
    if fitted["precision_"] not in ("float32", "bfloat16"):
        raise ValueError("expected precision_ to be 'float32' or 'bfloat16'")
    network = SerializedNetwork(
        name=text(name, "a network's name"),
        parameters=parameters,
        classes=labels_from_json(fitted),
        feature_names=feature_names,
        n_features=n_features,
        image_shape=(height, width, channels),
        pixel_range=(low, high),
        seed=whole(fitted["_seed"], 0, 2**32 - 1, "_seed"),
        temperature=temperature,
        history=_check_history(fitted["history_"]),
        batch_losses=batch_losses.tolist(),
        weights=weights,
    )
    return network, arrays[n_weights + 1 :]


def _check_parameters(kept: Any) -> dict[str, Any]:
    """The estimator's parameters, as its constructor takes them."""
    if not isinstance(kept, dict):
        raise ValueError("expected the parameters to be an object")
    unknown = [name for name in kept if name not in RULES or name in EXCLUDED]
    if unknown:
        raise ValueError(f"expected known parameters, got {unknown[0][:99]!r}")
    parameters = {
        name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()
    }
    if isinstance(kept.get("class_weight"), list):
        parameters["class_weight"] = {
            label: real(weight, "a class's weight") for label, weight in kept["class_weight"]
        }
    check_parameters(parameters)
    return parameters


def _check_history(kept: Any) -> dict[str, list[float]]:
    if not isinstance(kept, dict) or not all(isinstance(one, list) for one in kept.values()):
        raise ValueError("expected history_ to be lists of numbers")
    if not kept.get("loss") or not kept.get("accuracy"):
        raise ValueError("expected history_ with loss and accuracy")
    return {
        text(name, "a figure's name"): [real(value, "history_", finite=False) for value in values]
        for name, values in kept.items()
    }


def _check_validation(arrays: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    confidences, correct = arrays
    if confidences.dtype != np.float32 or correct.dtype != np.uint8:
        raise ValueError("expected validation data of float32 and uint8, got other types")
    if confidences.ndim != 1 or confidences.shape != correct.shape or not len(correct):
        raise ValueError("expected validation data with one confidence for each answer")
    # A probability in float32 can be a little above 1.
    if not ((confidences >= 0) & (confidences <= 1.001)).all() or correct.max() > 1:
        raise ValueError("expected validation data of probabilities and flags, got other numbers")
    return confidences, correct.astype(bool)
