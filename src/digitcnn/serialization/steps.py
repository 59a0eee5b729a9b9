"""Converts the transformers of a pipeline to plain data, and back."""

from typing import Any, NamedTuple

import numpy as np

from digitcnn.serialization.checks import fields, text, whole

# The transformers that a file may contain: their parameters, and the attributes that `fit` may set.
_KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "DigitCSVTransformer": (
        ("label",),
        ("pixel_columns_", "n_pixels_", "n_features_in_", "feature_names_in_"),
    ),
    "DigitNormalizer": (
        ("image_shape", "size", "box", "invert"),
        ("n_features_in_", "feature_names_in_"),
    ),
}
_LARGEST_SIDE = 4096


class SerializedStep(NamedTuple):
    """A transformer of a pipeline as plain data."""

    name: str
    kind: str
    parameters: dict[str, Any]
    fitted: dict[str, Any]


def step_to_json(name: str, transformer: Any) -> dict[str, Any]:
    """A fitted transformer as JSON values.

    Raises
    ------
    ValueError
        If it is another transformer, or if a parameter is not a plain value.
    """
    kind = type(transformer).__name__
    is_ours = type(transformer).__module__.startswith("digitcnn.preprocessing.")
    if kind not in _KINDS or not is_ours:
        raise ValueError(
            f"expected a DigitCSVTransformer or a DigitNormalizer before the network, got the step "
            f"{name!r}, a {kind}. Save the last step alone, or pickle the pipeline"
        )
    parameter_names, attribute_names = _KINDS[kind]
    kept = {
        "name": name,
        "kind": kind,
        "parameters": {one: _plain(getattr(transformer, one)) for one in parameter_names},
        "fitted": {
            one: _plain(getattr(transformer, one))
            for one in attribute_names
            if hasattr(transformer, one)
        },
    }
    check_step(kept)
    return kept


def check_step(kept: Any) -> SerializedStep:
    """A transformer from a file, with every value checked.

    Raises
    ------
    ValueError
        If a value is invalid.
    """
    name, kind, parameters, fitted = fields(kept, SerializedStep._fields, "a step")
    text(name, "a step's name")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"expected {' or '.join(_KINDS)} as a step, got {str(kind)[:99]!r}")
    parameter_names, attribute_names = _KINDS[kind]
    fields(parameters, parameter_names, "a step's parameters")
    if not isinstance(fitted, dict) or not set(fitted) <= set(attribute_names):
        raise ValueError(f"expected attributes of a {kind}, got others")
    for one, value in {**parameters, **fitted}.items():
        _CHECKS[one](value, f"{one} of a {kind}")
    step = SerializedStep(name, kind, parameters, fitted)
    shape = step.parameters.get("image_shape")
    if isinstance(shape, list):
        step.parameters["image_shape"] = tuple(shape)
    if step.kind == "DigitNormalizer" and step.parameters["box"] > step.parameters["size"]:
        raise ValueError("expected box of a DigitNormalizer to be at most its size")
    return step


def restore_step(step: SerializedStep) -> Any:
    """The fitted transformer."""
    from digitcnn.preprocessing.csv_transformer import DigitCSVTransformer
    from digitcnn.preprocessing.normalizer import DigitNormalizer

    kinds = {"DigitCSVTransformer": DigitCSVTransformer, "DigitNormalizer": DigitNormalizer}
    transformer = kinds[step.kind](**step.parameters)
    for name, value in step.fitted.items():
        is_array = name == "feature_names_in_"
        setattr(transformer, name, np.array(value, dtype=object) if is_array else value)
    return transformer


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays as Python values, tuples as lists."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def _label(value: Any, what: str) -> None:
    if value is not None and type(value) is not int:
        text(value, what)


def _names(value: Any, what: str) -> None:
    if not isinstance(value, list):
        raise ValueError(f"expected {what} to be a list")
    for name in value:
        text(name, what)


def _side(value: Any, what: str) -> None:
    whole(value, 1, _LARGEST_SIDE, what)


def _count(value: Any, what: str) -> None:
    whole(value, 1, 2**31, what)


def _shape(value: Any, what: str) -> None:
    if isinstance(value, list) and len(value) == 2:
        for side in value:
            _side(side, what)
    elif value not in ("auto", "pad"):
        raise ValueError(f"expected {what} to be 'auto', 'pad' or two sides")


def _inversion(value: Any, what: str) -> None:
    if value != "auto" and not isinstance(value, bool):
        raise ValueError(f"expected {what} to be 'auto', true or false")


_CHECKS = {
    "box": _side,
    "feature_names_in_": _names,
    "image_shape": _shape,
    "invert": _inversion,
    "label": _label,
    "n_features_in_": _count,
    "n_pixels_": _count,
    "pixel_columns_": _names,
    "size": _side,
}
