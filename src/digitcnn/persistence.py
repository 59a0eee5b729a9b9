"""A fitted estimator as plain data, which a model file holds, and back."""

import os
import warnings
from typing import Any

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Bunch

import digitcnn
from digitcnn._parameters import check_parameters
from digitcnn.model_file import read_model_file, write_model_file

# Attributes of a fitted estimator that JSON holds as they are.
_PLAIN = ("n_features_in_", "precision_", "temperature_", "history_", "batch_loss_curve_", "_seed")


def save_estimator(clf: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a model file, as a whole or not at all.

    Parameters
    ----------
    clf : DigitCNNClassifier or VotingClassifier
        The latter of `DigitCNNClassifier`, voting by their mean probabilities.
    path : str or path-like

    Raises
    ------
    ValueError
        If it is another estimator, if an architecture is a callable, or if the labels are neither
        numbers nor strings.
    """
    is_ensemble = isinstance(clf, VotingClassifier)
    names = [name for name, _ in clf.estimators] if is_ensemble else [""]
    members = clf.estimators_ if is_ensemble else [clf]
    is_plain = not is_ensemble or (clf.voting == "soft" and clf.weights is None)
    if not is_plain or not all(hasattr(member, "wrapper_") for member in members):
        raise ValueError(
            f"{clf!r} cannot be kept in a model file; wanted is a DigitCNNClassifier, or a "
            "VotingClassifier(voting='soft') of such, without weights"
        )
    named = list(zip(names, members, strict=True))
    weights = [member.wrapper_.get_weights() for member in members]
    content = {
        "digitcnn": digitcnn.__version__,
        "members": [
            {"name": name, **_member_to_json(member), "n_weights": len(own)}
            for (name, member), own in zip(named, weights, strict=True)
        ],
        "ensemble": _labels_to_json(clf.classes_) if is_ensemble else None,
        "validation": _validation_to_json(clf),
    }
    write_model_file(path, content, [array for own in weights for array in own])


def load_estimator(kind: type, path: str | os.PathLike[str]) -> Any:
    """Read a model file.

    Parameters
    ----------
    kind : type
        `DigitCNNClassifier`, which stands below this file and so is not known here.
    path : str or path-like

    Returns
    -------
    DigitCNNClassifier or VotingClassifier
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
        clf = _restore(kind, content, weights)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: is not a whole digitcnn model file: {error!r}") from None
    return clf


def _restore(kind: type, content: dict[str, Any], weights: list[np.ndarray]) -> Any:
    counts = [int(entry["n_weights"]) for entry in content["members"]]
    if not counts or min(counts) < 0 or sum(counts) != len(weights):
        raise ValueError(f"{len(weights)} arrays are not the {counts} of its networks")
    members = []
    for entry, count in zip(content["members"], counts, strict=True):
        parameters = _parameters_from_json(entry["parameters"])
        check_parameters(parameters)
        clf = kind(**parameters)
        _restore_member(clf, entry["fitted"], weights[:count])
        weights = weights[count:]
        members.append(clf)
    if content["ensemble"] is None:
        (clf,) = members
    else:
        names = [str(entry["name"]) for entry in content["members"]]
        clf = _vote(names, members, _labels_from_json(content["ensemble"]))
    _restore_validation(clf, content["validation"])
    return clf


def _vote(names: list[str], members: list[Any], classes: np.ndarray) -> VotingClassifier:
    """A fitted ensemble of fitted members, which know the classes as numbers from 0 up."""
    clf = VotingClassifier(list(zip(names, members, strict=True)), voting="soft")
    clf.estimators_ = members
    clf.named_estimators_ = Bunch(**dict(clf.estimators))
    clf.le_ = LabelEncoder().fit(classes)
    clf.classes_ = clf.le_.classes_
    if hasattr(members[0], "feature_names_in_"):
        clf.feature_names_in_ = members[0].feature_names_in_
    return clf


def _member_to_json(clf: Any) -> dict[str, Any]:
    return {
        "parameters": _parameters_to_json(clf.get_params(deep=False)),
        "fitted": {
            **_labels_to_json(clf.classes_),
            "feature_names_in_": getattr(clf, "feature_names_in_", np.array([])).tolist(),
            "image_shape_": list(clf.image_shape_),
            "pixel_range_": list(clf.pixel_range_),
            **{name: getattr(clf, name) for name in _PLAIN},
        },
    }


def _validation_to_json(clf: Any) -> dict[str, Any] | None:
    hits = getattr(clf, "validation_hits_", None)
    if hits is None:
        return None
    confidences = clf.validation_confidences_.astype(float)
    return {"confidences": confidences.tolist(), "hits": hits.astype(int).tolist()}


def _restore_validation(clf: Any, validation: dict[str, Any] | None) -> None:
    clf.validation_confidences_ = clf.validation_hits_ = None
    if validation is not None:
        clf.validation_confidences_ = np.array(validation["confidences"], dtype=np.float32)
        clf.validation_hits_ = np.array(validation["hits"], dtype=bool)
        if clf.validation_hits_.shape != (len(clf.validation_confidences_),):
            raise ValueError("its validation data is not one confidence for one answer")


def _restore_member(clf: Any, fitted: dict[str, Any], weights: list[np.ndarray]) -> None:
    clf.classes_ = _labels_from_json(fitted)
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
    clf.temperature_ = float(fitted["temperature_"])
    _restore_validation(clf, None)
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


def _labels_from_json(kept: dict[str, Any]) -> np.ndarray:
    return np.array(kept["classes_"], dtype=np.dtype(kept["classes_dtype"]))


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
            stacklevel=6,
        )
    kept = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in parameters.items()
        if name not in ("callbacks", "checkpoint_dir")
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
