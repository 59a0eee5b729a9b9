"""A fitted estimator as plain data, which a model file holds, and back."""

import os
import warnings
from typing import Any

import numpy as np

import digitcnn
from digitcnn._parameters import check_parameters
from digitcnn.model_file import read_model_file, write_model_file

# Attributes of a fitted estimator that JSON holds as they are.
_PLAIN = ("n_features_in_", "precision_", "history_", "batch_loss_curve_", "_seed")


def save_estimator(clf: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted `DigitCNNClassifier` to a model file, as a whole or not at all.

    Parameters
    ----------
    clf : DigitCNNClassifier
    path : str or path-like

    Raises
    ------
    ValueError
        If its architecture is a callable, or its labels are neither numbers nor strings.
    """
    content = {
        "digitcnn": digitcnn.__version__,
        "parameters": _parameters_to_json(clf.get_params(deep=False)),
        "fitted": {
            **_labels_to_json(clf.classes_),
            "feature_names_in_": getattr(clf, "feature_names_in_", np.array([])).tolist(),
            "image_shape_": list(clf.image_shape_),
            "pixel_range_": list(clf.pixel_range_),
            **{name: getattr(clf, name) for name in _PLAIN},
        },
    }
    write_model_file(path, content, clf.wrapper_.get_weights())


def load_estimator(kind: type, path: str | os.PathLike[str]) -> Any:
    """Read a model file.

    Parameters
    ----------
    kind : type
        `DigitCNNClassifier`, which stands below this file and so is not known here.
    path : str or path-like

    Returns
    -------
    DigitCNNClassifier
        Fitted.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a model file, is of a later version, or is damaged.
    """
    content, weights = read_model_file(path)
    try:
        parameters = _parameters_from_json(content["parameters"])
        check_parameters(parameters)
        clf = kind(**parameters)
        _restore(clf, content["fitted"], weights)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: is not a whole digitcnn model file: {error!r}") from None
    return clf


def _restore(clf: Any, fitted: dict[str, Any], weights: list[np.ndarray]) -> None:
    clf.classes_ = np.array(fitted["classes_"], dtype=np.dtype(fitted["classes_dtype"]))
    if fitted["feature_names_in_"]:
        clf.feature_names_in_ = np.array(fitted["feature_names_in_"], dtype=object)
    clf.n_features_in_ = int(fitted["n_features_in_"])
    height, width, channels = map(int, fitted["image_shape_"])
    clf.image_shape_ = (height, width, channels)
    low, high = map(float, fitted["pixel_range_"])
    clf.pixel_range_ = (low, high)
    # The precision is chosen anew: this may be another machine.
    clf._start_wrapper(int(fitted["_seed"]))
    clf.wrapper_.set_weights(weights)
    clf.wrapper_.history_ = {
        str(name): [float(value) for value in values] for name, values in fitted["history_"].items()
    }
    clf.batch_loss_curve_ = [float(loss) for loss in fitted["batch_loss_curve_"]]
    clf._note_history()


def _labels_to_json(classes: np.ndarray) -> dict[str, Any]:
    kind = classes.dtype.kind
    is_text = kind == "O" and all(isinstance(label, str) for label in classes)
    if kind not in "biufU" and not is_text:
        raise ValueError(
            f"labels of {classes.dtype} cannot be kept in a model file; wanted are numbers or "
            "strings"
        )
    return {
        "classes_": classes.tolist(),
        "classes_dtype": "object" if is_text else classes.dtype.str,
    }


def _parameters_to_json(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters as JSON holds them, without those that are objects of the running program."""
    if not isinstance(parameters["architecture"], str):
        raise ValueError(
            f"architecture={parameters['architecture']!r} is a callable: a model file holds plain "
            "data, and its code is none. Pickle the estimator, or save model_ with Keras"
        )
    if not isinstance(parameters["optimizer"], str) or parameters["callbacks"]:
        warnings.warn(
            "a model file keeps neither a Keras optimizer nor callbacks: the loaded estimator "
            "has the default ones",
            stacklevel=4,
        )
    kept = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in parameters.items()
        if name != "callbacks"
        and (name != "optimizer" or isinstance(value, str))
        and not isinstance(value, np.random.RandomState)
    }
    if isinstance(kept["class_weight"], dict):
        # JSON's keys are strings; labels may be numbers.
        kept["class_weight"] = [
            [np.asarray(label).item(), float(weight)]
            for label, weight in kept["class_weight"].items()
        ]
    return kept


def _parameters_from_json(kept: dict[str, Any]) -> dict[str, Any]:
    parameters = {
        name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()
    }
    if isinstance(kept.get("class_weight"), list):
        parameters["class_weight"] = dict(kept["class_weight"])
    return parameters
