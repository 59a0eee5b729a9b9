"""The structure of a model: what it computes and trains, without weights, seeds and names.

Two calls of a user's function return two models. If these differ only in their initial weights, one
compiled model can serve for both.
"""

import inspect
import json
import sys
import types
from functools import lru_cache
from typing import Any

import keras
import numpy as np

from digitcnn._utils.identity import as_plain, digest_arrays

# Methods that Keras's training calls. An override may do anything.
_STEPS = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")
# Configurations with code, for which Keras gives no more than a name or bytes.
_CODE = ("function", "Lambda", "__lambda__")


def weights_and_seeds(model: keras.Model) -> list[Any]:
    """Variables of a model, without those of its metrics and its optimizer."""
    metrics = {id(variable) for variable in model.metrics_variables}
    return [variable for variable in model.variables if id(variable) not in metrics]


class _UnknownError(Exception):
    """Part of a model whose behaviour cannot be determined."""


def describe_structure(model: keras.Model) -> str | None:
    """Describe a model: equal for models that differ only in weights, seeds and names.

    Parameters
    ----------
    model : keras.Model
        Built.

    Returns
    -------
    str or None
        None if it cannot be determined: the model overrides steps, or has functions without a name
        in Keras, or state outside its variables other than plain values.

    Examples
    --------
    >>> import keras
    >>> from digitcnn.backend.structure import describe_structure
    >>> def model(units):
    ...     stack = [keras.Input((8,)), keras.layers.Dense(units), keras.layers.Dense(2)]
    ...     return keras.Sequential(stack)
    >>> describe_structure(model(4)) == describe_structure(model(4))
    True
    >>> describe_structure(model(4)) == describe_structure(model(5))
    False
    """
    try:
        described = [
            _describe_object(model),
            [[list(v.shape), str(v.dtype), v.trainable] for v in weights_and_seeds(model)],
            [model.run_eagerly, model.dtype_policy.name],
        ]
        return json.dumps(described, sort_keys=True)
    except (_UnknownError, LookupError, TypeError, ValueError):
        return None


def _describe_object(layer: Any) -> Any:
    """Describe a model, a layer or an operation: class, configuration, other attributes."""
    cls = type(layer)
    for name, value in vars(layer).items():
        if name in _bookkeeping():
            continue
        if callable(value) and hasattr(cls, name):
            raise _UnknownError  # a method that is set on this object only
        if isinstance(value, types.FunctionType) and not _is_keras(value):
            raise _UnknownError  # as an activation: Keras would warn of it in `get_config`
    if isinstance(layer, keras.Model) and _is_keras(cls):
        return [_describe_class(cls), *_describe_graph(layer)]
    try:
        config = layer.get_config()
    except Exception:
        # A user's model class may have none. Its attributes describe it.
        if _is_keras(cls) or not isinstance(layer, keras.Model):
            raise _UnknownError from None
        config = {}
    described = _without_names(config)
    attributes = {} if _is_keras(cls) else _describe_attributes(layer)
    return [_describe_class(cls), _describe_config(described), attributes]


def _describe_graph(model: keras.Model) -> list[Any]:
    """The layers and operations of a sequential or functional model, and their connections."""
    # First, because an unknown one ends the description.
    parts = [_describe_object(one) for one in getattr(model, "operations", model.layers)]
    config = model.get_config()
    layers = config.get("layers", [])
    places = {one.get("name"): place for place, one in enumerate(layers)}
    nodes = [_describe_config(one.get("inbound_nodes"), places) for one in layers]
    ends = [_replaced(config.get(key), places) for key in ("input_layers", "output_layers")]
    return [model.trainable, model.input_shape, nodes, ends, parts]


def _is_keras(code: Any) -> bool:
    """Whether a class or a function is Keras's own."""
    return str(code.__module__).partition(".")[0] == "keras"


def _describe_class(cls: type) -> Any:
    if _is_keras(cls):
        return f"{cls.__module__}.{cls.__qualname__}"
    if issubclass(cls, keras.Model):
        for name in _STEPS:
            if getattr(cls, name) is not getattr(keras.Model, name):
                raise _UnknownError
    try:
        return as_plain(cls)
    except ValueError:
        raise _UnknownError from None


def _describe_config(config: Any, places: dict[str, int] | None = None) -> Any:
    """A configuration as JSON data, with the code of a user's classes.

    Parameters
    ----------
    config : object
        A part of the result of `get_config`.
    places : dict of str to int or None, default=None
        The layers of the enclosing functional model, by name.
    """
    if isinstance(config, dict):
        if config.get("class_name") == "__keras_tensor__":
            name, *rest = config["config"]["keras_history"]
            return ["tensor", (places or {})[name], *rest]
        if "class_name" in config:
            return _describe_named(config)
        return {str(key): _describe_config(value, places) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [_describe_config(one, places) for one in config]
    if isinstance(config, np.ndarray):
        return digest_arrays([config])
    if isinstance(config, np.generic):
        return config.item()
    if config is None or isinstance(config, bool | int | float | str):
        return config
    raise _UnknownError


def _without_names(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without its name, and with only the presence of a seed.

    PyTorch's dropout differs without a seed.
    """
    described = {key: value for key, value in config.items() if key != "name"}
    if "seed" in described:
        described["seed"] = described["seed"] is not None
    return described


def _describe_named(config: dict[str, Any]) -> Any:
    """Describe an object in a configuration by its class and its own configuration."""
    name, module, inner = str(config["class_name"]), str(config.get("module")), config.get("config")
    if name in _CODE or not isinstance(inner, dict):
        raise _UnknownError
    if module.partition(".")[0] == "keras":
        kind: Any = f"{module}.{name}"
        if not name.endswith("DTypePolicy"):  # whose name says what it is
            inner = _without_names(inner)
    else:
        cls = keras.saving.get_registered_object(str(config.get("registered_name")))
        cls = cls or getattr(sys.modules.get(module), name, None)
        if not inspect.isclass(cls):
            raise _UnknownError
        kind = _describe_class(cls)
    return [kind, _describe_config(inner)]


def _replaced(value: Any, places: dict[str, int]) -> Any:
    """The input and output layers of a functional model, by position."""
    if isinstance(value, dict):
        return {key: _replaced(one, places) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(one, places) for one in value]
    return places[value] if isinstance(value, str) else value


@lru_cache(maxsize=1)
def _bookkeeping() -> frozenset[str]:
    """Attributes that Keras keeps on every layer and model."""
    layer = keras.layers.Flatten(name="flatten")  # a name, or Keras would count its own up
    layer.build((None, 2, 2))

    class Empty(keras.Model):
        def call(self, images: Any) -> Any:
            return images

    model = Empty(name="empty")
    loss = keras.losses.MeanSquaredError(name="loss")
    model.compile(keras.optimizers.SGD(name="sgd"), loss)
    model(np.zeros((1, 2), np.float32))
    # Attributes that a training, one under JAX, and `compile_model` set on a model.
    later = ("history", "_jax_state", "get_compile_config")
    return frozenset({*vars(layer), *vars(model), *later})


def _describe_attributes(layer: Any) -> dict[str, Any]:
    """Attributes of a user's layer or model that are not Keras's."""
    found = {}
    for name, value in vars(layer).items():
        if name not in _bookkeeping():
            found[name] = _describe_value(value)
    return found


def _describe_value(value: Any) -> Any:
    if isinstance(value, keras.Variable):
        return ["variable", list(value.shape), str(value.dtype), value.trainable]
    if isinstance(value, keras.random.SeedGenerator):
        return "seeds"
    if isinstance(value, keras.layers.Layer):
        return _describe_object(value)
    if isinstance(value, dict):
        return {str(key): _describe_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [type(value).__name__, *map(_describe_value, value)]
    if hasattr(value, "get_config") and _is_keras(type(value)):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        config = {"class_name": kind, "module": "keras", "config": value.get_config()}
        return _describe_config(config)
    if isinstance(value, types.FunctionType) and _is_keras(value):
        return f"{value.__module__}.{value.__qualname__}"
    return _describe_config(value)
