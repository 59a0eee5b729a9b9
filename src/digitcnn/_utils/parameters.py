"""The rules of the estimator's parameters, each as a test and as text for errors."""

import os
from collections.abc import Callable
from math import isfinite
from numbers import Integral, Real
from re import fullmatch
from typing import Any, NamedTuple

import numpy as np

OPTIMIZER_NAMES = ("adam", "adamw", "rmsprop", "sgd")
ARCHITECTURE_NAMES = ("compact", "elu-bn", "relu-dropout", "slim")


class Rule(NamedTuple):
    """The values that a parameter may have: a test, and its description for errors."""

    holds: Callable[[Any], bool]
    expected: str


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _real(low: float, high: float = np.inf, *, unit: str = "", open_low: bool = False) -> Rule:
    def holds(value: Any) -> bool:
        return _is_real(value) and (low < value if open_low else low <= value) and value <= high

    bounds = f"{'above' if open_low else 'from'} {low:g}"
    if high < np.inf:
        bounds += f" up to {high:g}"
    return Rule(holds, f"a number {bounds}{unit}")


def _whole(low: int) -> Rule:
    return Rule(lambda value: _is_whole(value) and value >= low, f"a whole number from {low} up")


def _one_of(*choices: Any) -> Rule:
    def holds(value: Any) -> bool:
        if isinstance(value, np.generic):  # such as the values of a parameter grid
            value = value.item()
        # The type is compared too: 1 is not True, and comparing an array is ambiguous.
        return any(type(value) is type(choice) and value == choice for choice in choices)

    return Rule(holds, " or ".join(map(repr, choices)))


def _either(*rules: Rule) -> Rule:
    return Rule(
        lambda value: any(rule.holds(value) for rule in rules),
        ", or ".join(rule.expected for rule in rules),
    )


def _pair(holds: Callable[[Any, Any], bool], expected: str) -> Rule:
    def both(value: Any) -> bool:
        return (
            isinstance(value, tuple | list)
            and len(value) == 2
            and all(map(_is_real, value))
            and holds(*value)
        )

    return Rule(both, expected)


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, tuple | list)
        and len(value) in (2, 3)
        and all(_is_whole(side) and side >= 1 for side in value)
    )


_FLAG = Rule(lambda value: isinstance(value, bool | np.bool_), "True or False")
# A Keras model is callable too, but every fit would train the same one.
_BUILDS_A_MODEL = Rule(
    lambda v: callable(v) and not isinstance(v, type) and not hasattr(v, "train_on_batch"),
    "a function that builds a Keras model (not the model itself, nor its class)",
)

RULES: dict[str, Rule] = {
    "architecture": _either(_one_of("auto", *ARCHITECTURE_NAMES), _BUILDS_A_MODEL),
    "init": _either(
        _one_of(None),
        Rule(
            lambda v: isinstance(v, str | os.PathLike) and bool(str(v)),
            "'pretrained' or the path of a model file",
        ),
    ),
    "epochs": _either(_one_of("auto"), _whole(1)),
    "batch_size": _either(_one_of("auto"), _whole(1)),
    "optimizer": _either(
        _one_of(*OPTIMIZER_NAMES),
        Rule(
            lambda v: hasattr(v, "apply_gradients") and not isinstance(v, type),
            "a Keras optimizer (an instance, not its class)",
        ),
    ),
    "learning_rate": _either(_one_of("auto"), _real(0, open_low=True)),
    "weight_decay": _real(0),
    "dropout": _either(
        _one_of(None), Rule(lambda v: _is_real(v) and 0 <= v < 1, "a number from 0 to below 1")
    ),
    "label_smoothing": Rule(lambda v: _is_real(v) and 0 <= v < 1, "a number from 0 to below 1"),
    "rotation_range": _real(0, 180, unit=" (degrees)"),
    "zoom_range": _either(
        _real(0, 1), _pair(lambda low, high: 0 <= low <= high, "a pair of factors (low, high)")
    ),
    "shift_range": _real(0, 1, unit=" (of the side)"),
    "shear_range": Rule(
        lambda v: _is_real(v) and 0 <= v < 90, "a number from 0 to below 90 (degrees)"
    ),
    "elastic_alpha": _real(0, unit=" (pixels of 28)"),
    "elastic_sigma": _real(0, open_low=True, unit=" (pixels of 28)"),
    "corruption_rate": _real(0, 1),
    "fill_mode": _one_of("nearest", "constant"),
    "schedule": _one_of("plateau", "one_cycle", None),
    "plateau_factor": Rule(lambda v: _is_real(v) and 0 < v < 1, "a number between 0 and 1"),
    "plateau_patience": _whole(1),
    "min_learning_rate": _real(0),
    "validation_fraction": _either(
        _one_of(None), Rule(lambda v: _is_real(v) and 0 < v < 1, "a number between 0 and 1")
    ),
    "early_stopping": _FLAG,
    "n_iter_no_change": _whole(1),
    "class_weight": _either(
        _one_of(None, "balanced"), Rule(lambda value: isinstance(value, dict), "a dict")
    ),
    "temperature": _either(_one_of("auto"), _real(0, open_low=True)),
    "test_time_augmentation": _whole(0),
    "warm_start": _FLAG,
    "random_state": _either(
        _one_of(None),
        Rule(lambda v: _is_whole(v) and v >= 0, "a whole number from 0 up"),
        Rule(lambda value: isinstance(value, np.random.RandomState), "a RandomState"),
    ),
    "image_shape": _either(
        _one_of("auto", "pad"),
        Rule(_is_shape, "a tuple (height, width) or (height, width, channels)"),
    ),
    "pixel_range": _either(
        _one_of("auto", "data"), _pair(lambda low, high: low < high, "a pair (low, high)")
    ),
    "precision": _one_of("auto", "float32", "bfloat16"),
    "device": _either(
        _one_of("auto", "cpu", "gpu", "all"),
        Rule(lambda v: isinstance(v, str) and bool(fullmatch(r"gpu:\d+", v)), "'gpu:N'"),
    ),
    "callbacks": _either(
        _one_of(None),
        Rule(
            lambda v: (
                isinstance(v, tuple | list) and all(hasattr(one, "on_epoch_end") for one in v)
            ),
            "a list of Keras callbacks",
        ),
    ),
    "checkpoint_dir": _either(
        _one_of(None),
        Rule(lambda v: isinstance(v, str | os.PathLike) and bool(str(v)), "a folder's path"),
    ),
    "verbose": _either(_FLAG, _whole(0)),
}


def check_parameters(parameters: dict[str, Any]) -> None:
    """Check the estimator's parameters against `RULES`.

    Parameters without a rule are a subclass's own, and are not checked.

    Raises
    ------
    ValueError
        For the first parameter that breaks its rule.
    """
    for name, value in parameters.items():
        rule = RULES.get(name)
        if rule is not None and not rule.holds(value):
            raise ValueError(f"expected {name} to be {rule.expected}, got {value!r}")


def check_max_together(value: Any) -> None:
    """Check the parameter of a search that trains several networks together.

    Raises
    ------
    ValueError
        If it is neither "auto" nor a whole number from 1 up.
    """
    rule = _either(_one_of("auto"), _whole(1))
    if not rule.holds(value):
        raise ValueError(f"expected max_together to be {rule.expected}, got {value!r}")
