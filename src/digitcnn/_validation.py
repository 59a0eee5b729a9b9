"""What may be given to the estimator, and the words of the errors when it is something else."""

from collections.abc import Callable
from math import isfinite, isqrt
from numbers import Integral, Real
from re import fullmatch
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets

OPTIMIZER_NAMES = ("adam", "adamw", "rmsprop", "sgd")
ARCHITECTURE_NAMES = ("compact", "elu-bn", "relu-dropout")


class Rule(NamedTuple):
    """What a parameter may be: a test, and the same in words."""

    holds: Callable[[Any], bool]
    wanted: str


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
        # By type as well: 1 is not True, and an array is compared with nothing.
        return any(type(value) is type(choice) and value == choice for choice in choices)

    return Rule(holds, " or ".join(map(repr, choices)))


def _either(*rules: Rule) -> Rule:
    return Rule(
        lambda value: any(rule.holds(value) for rule in rules),
        ", or ".join(rule.wanted for rule in rules),
    )


def _pair(holds: Callable[[Any, Any], bool], wanted: str) -> Rule:
    def both(value: Any) -> bool:
        return (
            isinstance(value, tuple | list)
            and len(value) == 2
            and all(map(_is_real, value))
            and holds(*value)
        )

    return Rule(both, wanted)


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, tuple | list)
        and len(value) in (2, 3)
        and all(_is_whole(side) and side >= 1 for side in value)
    )


_FLAG = Rule(lambda value: isinstance(value, bool | np.bool_), "True or False")
_ANYTHING_CALLABLE = Rule(
    lambda value: callable(value) and not isinstance(value, type), "a callable that builds a model"
)

RULES: dict[str, Rule] = {
    "architecture": _either(_one_of(*ARCHITECTURE_NAMES), _ANYTHING_CALLABLE),
    "epochs": _either(_one_of("auto"), _whole(1)),
    "batch_size": _whole(1),
    "optimizer": _either(
        _one_of(*OPTIMIZER_NAMES),
        Rule(lambda value: hasattr(value, "apply_gradients"), "a keras optimizer"),
    ),
    "learning_rate": _real(0, open_low=True),
    "weight_decay": _real(0),
    "dropout": _either(_one_of(None), Rule(lambda v: _is_real(v) and 0 <= v < 1, "0 to below 1")),
    "label_smoothing": Rule(lambda v: _is_real(v) and 0 <= v < 1, "a number from 0 to below 1"),
    "rotation_range": _real(0, 180, unit=" (degrees)"),
    "zoom_range": _either(
        _real(0, 1), _pair(lambda low, high: 0 <= low <= high, "a pair of factors (low, high)")
    ),
    "shift_range": _real(0, 1, unit=" (of the side)"),
    "shear_range": Rule(
        lambda v: _is_real(v) and 0 <= v < 90, "a number from 0 to below 90 (degrees)"
    ),
    "elastic_alpha": _real(0, unit=" (pixels)"),
    "elastic_sigma": _real(0, open_low=True, unit=" (pixels)"),
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
    "warm_start": _FLAG,
    "random_state": _either(
        _one_of(None),
        Rule(lambda v: _is_whole(v) and v >= 0, "a whole number from 0 up"),
        Rule(lambda value: isinstance(value, np.random.RandomState), "a RandomState"),
    ),
    "image_shape": _either(
        _one_of("auto", "pad"), Rule(_is_shape, "a tuple (height, width) or with channels")
    ),
    "pixel_range": _either(
        _one_of("auto", "data"), _pair(lambda low, high: low < high, "a pair (low, high)")
    ),
    "precision": _one_of("auto", "float32", "bfloat16"),
    "device": _either(
        _one_of("auto", "cpu", "gpu"),
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
    "verbose": _either(_FLAG, _whole(0)),
}


def check_parameters(parameters: dict[str, Any]) -> None:
    """Hold the estimator's parameters against `RULES`.

    Raises
    ------
    ValueError
        For the first that breaks its rule: its name, its value and what is wanted.
    """
    for name, value in parameters.items():
        rule = RULES[name]
        if not rule.holds(value):
            raise ValueError(f"{name}={value!r}: wanted is {rule.wanted}")


def check_images(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Bring pictures to rows of pixels.

    Parameters
    ----------
    X : array-like of shape (n, p), (n, height, width) or (n, height, width, channels)

    Returns
    -------
    X : array-like of shape (n, p)
        As it was, where it was two-dimensional; a view where that is possible.
    side : tuple of int, or None
        ``(height, width)`` or ``(height, width, channels)`` of pictures; None for rows.

    Raises
    ------
    ValueError
        If there are other numbers of dimensions, or numbers that are not finite.
    """
    if getattr(X, "ndim", 2) <= 2 and not isinstance(X, list | tuple):
        return X, None
    if isinstance(X, list | tuple) and np.ndim(X[0] if len(X) else X) < 2:
        return X, None
    images = check_array(X, dtype="numeric", allow_nd=True)
    if images.ndim == 2:
        return images, None
    if images.ndim > 4:
        raise ValueError(
            f"X has {images.ndim} dimensions; wanted is (n, pixels), (n, height, width) or "
            "(n, height, width, channels)"
        )
    return images.reshape(len(images), -1), images.shape[1:]


def check_labels(y: np.ndarray) -> None:
    """Hold labels against what a classifier can learn.

    Raises
    ------
    ValueError
        If one is missing, or if they are no classes but measurements.
    """
    if y.dtype.kind == "O":
        for row, label in enumerate(y):
            if label is None or label != label:
                raise ValueError(f"y has no label in row {row}: {label}")
    check_classification_targets(y)


def resolve_image_shape(
    image_shape: str | tuple[int, ...], n_features: int, side: tuple[int, ...] | None
) -> tuple[int, int, int]:
    """The shape (height, width, channels) of a row of `n_features` pixels.

    Parameters
    ----------
    image_shape : {"auto", "pad"} or tuple of int
        The estimator's parameter.
    n_features : int
        Pixels in a row.
    side : tuple of int, or None
        The shape that the images came in, where they were not rows.

    Raises
    ------
    ValueError
        If the numbers do not fit.
    """
    if image_shape == "pad":
        root = isqrt(n_features)
        root += root * root < n_features
        return root, root, 1
    if image_shape == "auto":
        if side is not None:
            return with_channels(side)
        root = isqrt(n_features)
        if root * root != n_features:
            lower = isqrt(n_features - 1)
            hint = (
                " Was the label column left in?"
                if lower * lower == n_features - 1 and n_features > 2
                else ""
            )
            raise ValueError(
                f"X has {n_features} features, which is not a square number of pixels.{hint} "
                "For images that are not square give image_shape=(height, width); for other "
                "tables image_shape='pad'"
            )
        return root, root, 1
    assert not isinstance(image_shape, str)
    shape = with_channels(tuple(image_shape))
    if np.prod(shape) != n_features:
        raise ValueError(
            f"X has {n_features} features, but image_shape={image_shape} wants "
            f"{np.prod(shape)}: {' * '.join(map(str, shape))}"
        )
    if side is not None and with_channels(side) != shape:
        raise ValueError(f"X holds images of shape {side}, but image_shape={image_shape}")
    return shape


def with_channels(side: tuple[int, ...]) -> tuple[int, int, int]:
    """(height, width) or (height, width, channels) as the latter."""
    height, width, *channels = side
    return height, width, (channels[0] if channels else 1)


def resolve_pixel_range(
    pixel_range: str | tuple[float, float], X: np.ndarray
) -> tuple[float, float]:
    """What the training data's black and white are.

    Parameters
    ----------
    pixel_range : {"auto", "data"} or pair of floats
        The estimator's parameter.
    X : ndarray of shape (n, p)

    Returns
    -------
    tuple of two floats

    Raises
    ------
    ValueError
        If it is ``"auto"`` and the numbers are of neither scale, or if they lie outside the pair.
    """
    if pixel_range == "data":
        return float(X.min()), float(X.max())
    if pixel_range != "auto":
        low, high = map(float, pixel_range)
        check_pixel_scale(X, (low, high), pixel_range, "X")
        return low, high
    if X.dtype == np.uint8:
        return 0.0, 255.0
    low, high = float(X.min()), float(X.max())
    if low >= 0 and high <= 255:
        return (0.0, 1.0) if high <= 1 else (0.0, 255.0)
    raise ValueError(
        f"X holds numbers from {low:g} to {high:g}; wanted are pixels in 0..255 or in 0..1. "
        "For another scale give pixel_range=(low, high); for tables that are not pictures "
        "pixel_range='data'"
    )


def check_pixel_scale(
    X: np.ndarray,
    fitted: tuple[float, float],
    pixel_range: str | tuple[float, float],
    name: str,
) -> None:
    """Refuse images that are plainly on another scale than the training data.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    fitted : tuple of two floats
        The scale of the training data.
    pixel_range : {"auto", "data"} or pair of floats
        The estimator's parameter. ``"data"`` refuses nothing.
    name : str
        What to call X in the error.

    Raises
    ------
    ValueError
        If there are numbers outside, or if all lie in 0..1 where white is 255.
    """
    if pixel_range == "data" or (X.dtype == np.uint8 and fitted == (0.0, 255.0)):
        return
    low, high = float(X.min()), float(X.max())
    scale = f"{fitted[0]:g}..{fitted[1]:g}"
    if low < fitted[0] or high > fitted[1]:
        raise ValueError(
            f"{name} holds numbers from {low:g} to {high:g}, but its pixels should lie in {scale}, "
            "the scale of the training data"
        )
    if fitted == (0.0, 255.0) and X.dtype.kind == "f" and 0 < high <= 1:
        raise ValueError(
            f"{name} holds numbers from {low:g} to {high:g}, which looks like the scale 0..1, but "
            f"the training data's is {scale}. Multiply by 255"
        )
