"""Converts fitted estimators to the plain data of a model file, and back."""

import json
import warnings
from typing import Any

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Bunch

from digitcnn._typing import FilePath, FittedClassifier
from digitcnn._utils.array_file import write_model_file
from digitcnn._utils.ensembles import last_step, named_networks
from digitcnn._utils.parameters import RULES
from digitcnn._version import __version__
from digitcnn.serialization.labels import labels_to_json
from digitcnn.serialization.schema import (
    EXCLUDED,
    SerializedNetwork,
    check_model,
    read_model,
)
from digitcnn.serialization.steps import restore_step, step_to_json
from digitcnn.training.history import History

# Attributes of a fitted estimator that are stored as JSON without conversion.
_PLAIN = ("n_features_in_", "precision_", "temperature_", "history_")


def save_estimator(clf: FittedClassifier, path: FilePath) -> None:
    """Write a fitted estimator to a model file, completely or not at all.

    Parameters
    ----------
    clf : DigitCNNClassifier, VotingClassifier or Pipeline
        A `VotingClassifier` must contain only `DigitCNNClassifier`, and predict their mean
        probabilities. A `Pipeline` must consist of this package's transformers, and end in one of
        these classifiers.
    path : str or path-like

    Raises
    ------
    ValueError
        If it is another estimator, if an architecture is a callable, or if the labels are neither
        numbers nor strings.
    """
    last: Any = last_step(clf)
    pipeline = _pipeline_to_json(clf) if isinstance(clf, Pipeline) else None
    members = named_networks(last, "cannot be saved in a model file")
    arrays: list[np.ndarray] = []
    stored = []
    for name, member in members.items():
        weights = member._trainer.network.get_weights()
        stored.append({"name": name, **_member_to_json(member), "n_weights": len(weights)})
        arrays += [*weights, np.array(member.batch_loss_curve_, dtype=np.float64)]
    correct = getattr(last, "validation_correct_", None)
    if correct is not None:
        arrays += [last.validation_confidences_.astype(np.float32), correct.astype(np.uint8)]
    content = {
        "digitcnn": __version__,
        "members": stored,
        "ensemble": None if last in members.values() else labels_to_json(last.classes_),
        "has_validation": correct is not None,
    }
    if pipeline is not None:
        content["pipeline"] = pipeline
    # Checked as on reading, so that every file that is written can be read.
    check_model(json.loads(json.dumps(content)), arrays)
    write_model_file(path, content, arrays)


def load_estimator(kind: type, path: FilePath) -> Any:
    """Read a model file.

    Parameters
    ----------
    kind : type
        `DigitCNNClassifier`. It imports this module, so this module cannot import it.
    path : str or path-like

    Returns
    -------
    DigitCNNClassifier, VotingClassifier or Pipeline
        The fitted estimator.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a model file, has a later version, or is damaged.
    """
    model = read_model(path)
    try:
        members = [_restore(kind, kept) for kept in model.networks]
        if model.classes is None:
            (clf,) = members
        else:
            clf = _vote([kept.name for kept in model.networks], members, model.classes)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: expected a complete digitcnn model file: {error}") from None
    clf.validation_confidences_, clf.validation_correct_ = model.validation or (None, None)
    if model.last_step is None:
        return clf
    steps = [(step.name, restore_step(step)) for step in model.steps]
    return Pipeline([*steps, (model.last_step, clf)])


def _pipeline_to_json(pipeline: Pipeline) -> dict[str, Any]:
    *before, (last_step, _) = pipeline.steps
    # Without steps that do nothing, which scikit-learn allows.
    kept = [(name, step) for name, step in before if step is not None and step != "passthrough"]
    return {"steps": [step_to_json(*one) for one in kept], "last_step": last_step}


def _vote(names: list[str], members: list[Any], classes: np.ndarray) -> VotingClassifier:
    """A fitted ensemble of fitted members, whose classes are the numbers from 0 up."""
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
        "parameters": _parameters_to_json(clf._parameters_as_fitted()),
        "fitted": {
            **labels_to_json(clf.classes_),
            "feature_names_in_": getattr(clf, "feature_names_in_", np.array([])).tolist(),
            "image_shape_": list(clf.image_shape_),
            "pixel_range_": list(clf.pixel_range_),
            "_seed": clf._trainer.network.plan.seed,
            **{name: getattr(clf, name) for name in _PLAIN},
        },
    }


def _restore(kind: type, kept: SerializedNetwork) -> Any:
    # The device is chosen again, because this may be another machine.
    clf = kind(**{**kept.parameters, "architecture": kept.architecture, "device": "auto"})
    clf.classes_ = kept.classes
    if kept.feature_names:
        clf.feature_names_in_ = np.array(kept.feature_names, dtype=object)
    clf.n_features_in_ = kept.n_features
    clf.image_shape_ = kept.image_shape
    clf.pixel_range_ = kept.pixel_range
    parameters = clf._note_parameters(goes_on=False, architecture=kept.architecture)
    clf._has_whole_fit = True  # a file does not say otherwise
    # Until it is trained again, it predicts in float32 and without Keras.
    plan = clf._plan_network({**parameters, "precision": "float32"}, kept.seed)
    clf._start(plan, goes_on=False)
    clf._trainer.network.set_weights(kept.weights)
    clf._trainer.history = History(kept.history, kept.batch_losses)
    clf.temperature_ = kept.temperature
    clf.validation_confidences_ = clf.validation_correct_ = None
    return clf


def _parameters_to_json(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters as JSON values, without those that are objects of the running program."""
    if not isinstance(parameters["architecture"], str):
        raise ValueError(
            "expected the name of an architecture, because a model file contains no code, got "
            f"architecture={parameters['architecture']!r}. Pickle the estimator, or save model_ "
            "with Keras"
        )
    if not isinstance(parameters["optimizer"], str) or parameters["callbacks"]:
        warnings.warn(
            "a model file stores neither a Keras optimizer nor callbacks: the loaded estimator "
            "will have the default ones",
            stacklevel=5,
        )
    kept = {
        name: _numbers_to_json(value)
        for name, value in parameters.items()
        # A subclass's additional parameters are not part of the format.
        if name in RULES
        and name not in EXCLUDED
        and (name != "optimizer" or isinstance(value, str))
        and not isinstance(value, np.random.RandomState)
    }
    if isinstance(kept["class_weight"], dict):
        # As a list of pairs: JSON's keys are strings, but labels may be numbers.
        kept["class_weight"] = [
            [np.asarray(label).item(), float(weight)]
            for label, weight in kept["class_weight"].items()
        ]
    return kept


def _numbers_to_json(value: Any) -> Any:
    """NumPy scalars as Python values."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_numbers_to_json(one) for one in value]
    return value
