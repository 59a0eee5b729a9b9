"""A fitted estimator as plain data, which a model file holds, and back."""

import json
import os
import warnings
from typing import Any

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Bunch

from digitcnn._utils.array_file import write_model_file
from digitcnn._utils.ensembles import named_networks
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

# Attributes of a fitted estimator that JSON holds as they are.
_PLAIN = ("n_features_in_", "precision_", "temperature_", "history_")


def save_estimator(clf: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a model file, as a whole or not at all.

    Parameters
    ----------
    clf : DigitCNNClassifier, VotingClassifier or Pipeline
        An ensemble of `DigitCNNClassifier`, voting by their mean probabilities; a pipeline of this
        package's transformers that ends in one of these.
    path : str or path-like

    Raises
    ------
    ValueError
        If it is another estimator, if an architecture is a callable, or if the labels are neither
        numbers nor strings.
    """
    pipeline = None
    if isinstance(clf, Pipeline):
        pipeline, clf = _pipeline_to_json(clf), clf[-1]
    members = named_networks(clf, "cannot be kept in a model file")
    arrays: list[np.ndarray] = []
    kept = []
    for name, member in members.items():
        weights = member._trainer.network.get_weights()
        kept.append({"name": name, **_member_to_json(member), "n_weights": len(weights)})
        arrays += [*weights, np.array(member.batch_loss_curve_, dtype=np.float64)]
    hits = getattr(clf, "validation_correct_", None)
    if hits is not None:
        arrays += [clf.validation_confidences_.astype(np.float32), hits.astype(np.uint8)]
    content = {
        "digitcnn": __version__,
        "members": kept,
        "ensemble": None if clf in members.values() else labels_to_json(clf.classes_),
        "has_validation": hits is not None,
    }
    if pipeline is not None:
        content["pipeline"] = pipeline
    # What is written is what can be read.
    check_model(json.loads(json.dumps(content)), arrays)
    write_model_file(path, content, arrays)


def load_estimator(kind: type, path: str | os.PathLike[str]) -> Any:
    """Read a model file.

    Parameters
    ----------
    kind : type
        `DigitCNNClassifier`, which stands below this file and so is not known here.
    path : str or path-like

    Returns
    -------
    DigitCNNClassifier, VotingClassifier or Pipeline
        Fitted.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a model file, is of a later version, or is damaged.
    """
    model = read_model(path)
    try:
        members = [_restore(kind, kept) for kept in model.networks]
        if model.classes is None:
            (clf,) = members
        else:
            clf = _vote([kept.name for kept in model.networks], members, model.classes)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: is not a whole digitcnn model file: {error}") from None
    clf.validation_confidences_, clf.validation_correct_ = model.validation or (None, None)
    if model.last_step is None:
        return clf
    steps = [(step.name, restore_step(step)) for step in model.steps]
    return Pipeline([*steps, (model.last_step, clf)])


def _pipeline_to_json(pipeline: Pipeline) -> dict[str, Any]:
    *before, (last_step, _) = pipeline.steps
    # Steps that do nothing, which scikit-learn allows for.
    kept = [(name, step) for name, step in before if step is not None and step != "passthrough"]
    return {"steps": [step_to_json(*one) for one in kept], "last_step": last_step}


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
    # This may be another machine: where to compute is chosen anew.
    clf = kind(**{**kept.parameters, "device": "auto"})
    clf.classes_ = kept.classes
    if kept.feature_names:
        clf.feature_names_in_ = np.array(kept.feature_names, dtype=object)
    clf.n_features_in_ = kept.n_features
    clf.image_shape_ = kept.image_shape
    clf.pixel_range_ = kept.pixel_range
    parameters = clf._note_parameters(goes_on=False)
    clf._has_whole_fit = True  # as far as a file can tell
    # It answers in float32, and without Keras, until it is trained again.
    plan = clf._plan_network({**parameters, "precision": "float32"}, kept.seed)
    clf._start(plan, goes_on=False)
    clf._trainer.network.set_weights(kept.weights)
    clf._trainer.history = History(kept.history, kept.batch_losses)
    clf.temperature_ = kept.temperature
    clf.validation_confidences_ = clf.validation_correct_ = None
    return clf


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
            stacklevel=5,
        )
    kept = {
        name: _numbers_to_json(value)
        for name, value in parameters.items()
        # A subclass may have more of them, of which a file of this class's knows nothing.
        if name in RULES
        and name not in EXCLUDED
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


def _numbers_to_json(value: Any) -> Any:
    """NumPy's numbers, flags and strings as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_numbers_to_json(one) for one in value]
    return value
