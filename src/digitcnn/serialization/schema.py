"""What is in a model file, checked: each name, type and number, before anything is built of it."""

import os
from typing import Any, NamedTuple

import numpy as np

from digitcnn._utils.array_file import read_model_file
from digitcnn._utils.parameters import RULES, check_parameters
from digitcnn.architectures import count_outputs, weight_shapes
from digitcnn.serialization.checks import fields, real, text, whole
from digitcnn.serialization.labels import labels_from_json
from digitcnn.serialization.steps import SerializedStep, check_step

# Parameters that are objects or places of the running program.
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
    """A fitted `DigitCNNClassifier` as plain data; names as its attributes'."""

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


class SerializedModel(NamedTuple):
    """What a model file holds.

    Attributes
    ----------
    written_by : str
        The version of digitcnn that wrote it.
    networks : list of SerializedNetwork
    classes : ndarray or None
        The labels of an ensemble, whose networks know them as numbers from 0 up; None for a single
        network.
    validation : tuple of two ndarrays, or None
        How sure the model was of its validation data, and whether it was right.
    steps : list of SerializedStep
        The transformers of a pipeline before its last step; empty where the model is no pipeline.
    last_step : str or None
        The name of its last step; None where it is no pipeline.
    """

    written_by: str
    networks: list[SerializedNetwork]
    classes: np.ndarray | None
    validation: tuple[np.ndarray, np.ndarray] | None
    steps: list[SerializedStep]
    last_step: str | None


def read_model(path: str | os.PathLike[str]) -> SerializedModel:
    """Read a model file, and check all that is in it, its weights' shapes among it.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a model file, is of another version, is damaged, or something in it is not
        what a model file has there.
    """
    content, arrays = read_model_file(path)
    try:
        model = check_model(content, arrays)
        for network in model.networks:
            _check_shapes(network)
        return model
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path}: is not a whole digitcnn model file: {error}") from None


def _check_shapes(kept: SerializedNetwork) -> None:
    """Hold the weights' shapes to the network's, before it is built.

    A network of the size that a file declares might take any amount of memory.
    """
    architecture = kept.parameters.get("architecture", "compact")
    expected = weight_shapes(architecture, kept.image_shape, count_outputs(len(kept.classes)))
    if [array.shape for array in kept.weights] != expected:
        raise ValueError(
            f"its weights are not those of the network {architecture!r} for images of "
            f"{kept.image_shape} and {len(kept.classes)} classes"
        )


def check_model(content: dict[str, Any], arrays: list[np.ndarray]) -> SerializedModel:
    """Check a model file's header and arrays, see `read_model`.

    Raises
    ------
    LookupError, TypeError, ValueError, AttributeError, OverflowError
        If something is not what it should be.
    """
    names = ("digitcnn", "ensemble", "has_validation", "members")
    header = dict(content)
    steps, last_step = _check_pipeline(header.pop("pipeline", None))
    written_by, ensemble, has_validation, members = fields(header, names, "its header")
    if not isinstance(members, list) or not members:
        raise ValueError("it holds no networks")
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
        raise ValueError(f"there are {len(left)} arrays in it that are of no network")
    classes = None
    if ensemble is None:
        if len(networks) > 1:
            raise ValueError(f"it holds {len(networks)} networks that are no ensemble")
    else:
        fields(ensemble, ("classes_", "classes_dtype"), "its ensemble")
        classes = labels_from_json(ensemble)
        if len({network.name for network in networks}) < len(networks):
            raise ValueError("two of its networks have one name")
        for network in networks:
            if not np.array_equal(network.classes, np.arange(len(classes))):
                raise ValueError("its networks are not of the ensemble's labels")
    for step in steps:
        size = step.parameters.get("size")
        if size is not None and networks[0].image_shape != (size, size, 1):
            raise ValueError(
                f"its normaliser makes images of {size}x{size} pixels, and its network reads "
                f"images of {networks[0].image_shape}"
            )
    version = text(written_by, "its version")
    return SerializedModel(version, networks, classes, validation, steps, last_step)


def _check_pipeline(kept: Any) -> tuple[list[SerializedStep], str | None]:
    """The transformers of a pipeline, and the name of its last step."""
    if kept is None:
        return [], None
    last_step, steps = fields(kept, ("last_step", "steps"), "its pipeline")
    if not isinstance(steps, list):
        raise ValueError("the steps of its pipeline are no list")
    checked = [check_step(step) for step in steps]
    names = [*(step.name for step in checked), text(last_step, "the name of the last step")]
    if len(set(names)) < len(names):
        raise ValueError("two steps of its pipeline have one name")
    kinds = [step.kind for step in checked]
    if len(set(kinds)) < len(kinds) or kinds != sorted(kinds):
        raise ValueError("its pipeline is not a table's, then a normaliser's step, each once")
    return checked, last_step


def _check_network(
    member: Any, arrays: list[np.ndarray]
) -> tuple[SerializedNetwork, list[np.ndarray]]:
    """One network, and the arrays that are left for the next ones."""
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
            raise ValueError("there are weights that are no finite numbers")
    if batch_losses.dtype != np.float64 or batch_losses.ndim != 1:
        raise ValueError("the losses of its batches are no list of float64")
    sides = fitted["image_shape_"]
    if not isinstance(sides, list) or len(sides) != 3:
        raise ValueError("image_shape_ is not three numbers")
    height, width, channels = (whole(side, 1, _LARGEST_SIDE, "image_shape_") for side in sides)
    n_pixels = height * width * channels
    n_features = whole(fitted["n_features_in_"], 1, n_pixels, "n_features_in_")
    if n_features < n_pixels and parameters.get("image_shape") != "pad":
        raise ValueError(f"{n_features} features do not fill images of {n_pixels} pixels")
    if not isinstance(fitted["feature_names_in_"], list):
        raise ValueError("feature_names_in_ is no list")
    feature_names = [text(one, "a feature's name") for one in fitted["feature_names_in_"]]
    if feature_names and len(feature_names) != n_features:
        raise ValueError(f"{len(feature_names)} names are not those of {n_features} features")
    low, high = (real(number, "pixel_range_") for number in fitted["pixel_range_"])
    temperature = real(fitted["temperature_"], "temperature_")
    if low > high or temperature <= 0:
        raise ValueError("pixel_range_ is not from low to high, or temperature_ not above 0")
    if fitted["precision_"] not in ("float32", "bfloat16"):
        raise ValueError("precision_ is neither 'float32' nor 'bfloat16'")
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
    """The estimator's parameters, as it takes them."""
    if not isinstance(kept, dict):
        raise ValueError("the parameters are no object")
    unknown = [name for name in kept if name not in RULES or name in EXCLUDED]
    if unknown:
        raise ValueError(f"there are parameters that no network has in a file: {unknown[0][:99]!r}")
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
        raise ValueError("history_ holds no lists")
    if not kept.get("loss") or not kept.get("accuracy"):
        raise ValueError("history_ has no loss or no accuracy")
    return {
        text(name, "a figure's name"): [real(value, "history_", finite=False) for value in values]
        for name, values in kept.items()
    }


def _check_validation(arrays: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    confidences, hits = arrays
    if confidences.dtype != np.float32 or hits.dtype != np.uint8:
        raise ValueError("its validation data is of other types than float32 and uint8")
    if confidences.ndim != 1 or confidences.shape != hits.shape or not len(hits):
        raise ValueError("its validation data is not one confidence for one answer")
    # Probabilities of float32 can add up to a little more than 1.
    if not ((confidences >= 0) & (confidences <= 1.001)).all() or hits.max() > 1:
        raise ValueError("its validation data holds numbers that are no probabilities or no flags")
    return confidences, hits.astype(bool)
