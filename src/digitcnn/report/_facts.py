"""The facts of a report: model, parameters, data, classes, timings and versions."""

import inspect
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sklearn
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import Pipeline

from digitcnn._version import __version__
from digitcnn.abstaining import AbstainingClassifier
from digitcnn.classifier import DigitCNNClassifier

# Longest value of a parameter in characters: it may be an array, or an object with a long repr.
_LONGEST_VALUE = 300

Facts = dict[str, str]


def list_parts(estimator: Any) -> list[Any]:
    """An estimator and the fitted estimators that it contains, the outer ones first.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator. The contents of a `Pipeline`, an `AbstainingClassifier` and a
        `VotingClassifier` are listed.
    """
    inside: list[Any] = []
    if isinstance(estimator, Pipeline):
        inside = [step for _, step in estimator.steps]
    elif isinstance(estimator, AbstainingClassifier):
        inside = [estimator.classifier_]
    elif isinstance(estimator, VotingClassifier):
        inside = estimator.estimators_
    return [estimator, *(part for one in inside for part in list_parts(one))]


def describe_settings(parts: Sequence[Any], model: str | None) -> Facts:
    """Facts about a model, with details of its networks.

    Parameters
    ----------
    parts : sequence of estimator
        From `list_parts`.
    model : str or None
        The model's name.
    """
    facts: Facts = {} if model is None else {"model": model}
    facts["estimator"] = type(parts[0]).__name__
    networks = [part for part in parts if isinstance(part, DigitCNNClassifier)]
    if not networks:
        return facts
    # The networks of an ensemble differ only in their seeds.
    first = networks[0]
    architecture = first._parameters_as_fitted()["architecture"]
    weights = sum(
        array.size for network in networks for array in network._trainer.network.get_weights()
    )
    facts |= {
        "networks": str(len(networks)),
        "architecture": getattr(architecture, "__name__", str(architecture)),
        "weights": f"{weights:,}",
        "image shape": " x ".join(map(str, first.image_shape_)),
        "pixel range": "{:g} to {:g}".format(*first.pixel_range_),
        "precision": first.precision_,
        "epochs": str(first.n_iter_),
        "temperature": f"{first.temperature_:.3f}",
    }
    for part in parts:
        correct = getattr(part, "validation_correct_", None)
        if correct is not None:
            facts["validation accuracy"] = f"{np.mean(correct):.2%} of {len(correct):,} digits"
            break
    return facts


def describe_parameters(parts: Sequence[Any]) -> list[dict[str, Any]]:
    """Parameters and their defaults, as text.

    Parameters
    ----------
    parts : sequence of estimator
        From `list_parts`.

    Returns
    -------
    list of dict
        For each class of estimators its name, their number, and the name, value and default of each
        parameter. Different values of several estimators are listed together. Parameters that are
        estimators themselves are left out.
    """
    kinds: dict[type, list[Any]] = {}
    for part in parts:
        if not isinstance(part, Pipeline):
            kinds.setdefault(type(part), []).append(part)
    groups = []
    for kind, alike in kinds.items():
        defaults = inspect.signature(kind).parameters
        values = [_parameters_of(part) for part in alike]
        parameters = []
        for name, value in values[0].items():
            if name == "estimators" or hasattr(value, "get_params"):
                continue
            default = defaults[name].default if name in defaults else inspect.Parameter.empty
            parameters.append(
                {
                    "name": name,
                    "value": ", ".join(dict.fromkeys(_as_text(each[name]) for each in values)),
                    "default": "" if default is inspect.Parameter.empty else _as_text(default),
                }
            )
        groups.append({"estimator": kind.__name__, "n": len(alike), "parameters": parameters})
    return groups


def _parameters_of(part: Any) -> dict[str, Any]:
    """The parameters of an estimator; for a network those that it was trained with."""
    if isinstance(part, DigitCNNClassifier):
        return part._parameters_as_fitted()
    parameters: dict[str, Any] = part.get_params(deep=False)
    return parameters


def describe_data(pictures: np.ndarray, data: str | None) -> Facts:
    """Facts about the images.

    Parameters
    ----------
    pictures : ndarray of shape (n, height, width, channels)
    data : str or None
        The data's name.
    """
    rows = np.ascontiguousarray(pictures).reshape(len(pictures), -1)
    repeated = len(rows) - len({row.tobytes() for row in rows})
    return {
        **({} if data is None else {"data": data}),
        "digits": f"{len(pictures):,}",
        "image shape": " x ".join(map(str, pictures.shape[1:])),
        "pixels": f"{pictures.dtype}, {pictures.min():g} to {pictures.max():g}",
        "repeated images": f"{repeated:,}",
    }


def describe_classes(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Precision and recall of each class, with the counts behind them.

    Parameters
    ----------
    figures : mapping
        From `digitcnn.evaluation.measure_answers`.
    """
    matrix = np.array(figures["confusion_matrix"])
    return [
        {
            "label": label,
            "digits": int(matrix[i].sum()),
            "answers": int(matrix[:, i].sum()),
            "right": int(matrix[i, i]),
            "precision": figures["class_precision"][i],
            "recall": figures["class_recall"][i],
        }
        for i, label in enumerate(figures["classes"])
    ]


def describe_timings(seconds: Mapping[str, float], n_images: int) -> Facts:
    """Durations, and the images per second of the prediction.

    Parameters
    ----------
    seconds : mapping of str to float
        Must have ``"prediction"``.
    n_images : int
        The number of predicted images.
    """
    facts = {name: f"{value:.3g} s" for name, value in seconds.items()}
    rate = n_images / max(seconds["prediction"], 1e-9)
    return {**facts, "images per second": f"{rate:,.0f}"}


def describe_program() -> Facts:
    """The versions of the libraries, and the machine."""
    facts = {
        "digitcnn": __version__,
        "Python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
        "NumPy": np.__version__,
    }
    # A report of other classifiers may not have imported Keras.
    keras = sys.modules.get("keras")
    if keras is not None:
        backend = keras.config.backend()
        version = getattr(sys.modules.get(backend), "__version__", "")
        facts |= {"Keras": keras.__version__, "backend": f"{backend} {version}".strip()}
    machine = f"{platform.system()} {platform.machine()}".strip()
    return {**facts, "machine": f"{machine}, {os.cpu_count()} processors"}


def _as_text(value: Any) -> str:
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
