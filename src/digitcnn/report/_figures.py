"""The figures of a report: the package's displays as SVG, and their numbers as tables."""

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from xml.etree import ElementTree

import numpy as np

from digitcnn.calibration import wilson_interval
from digitcnn.inspection._coverage import CoverageDisplay
from digitcnn.inspection._reliability import ReliabilityDisplay
from digitcnn.inspection._training_curve import TrainingCurveDisplay

# Width in inches: on a phone, the text is as large as that of the page.
_WIDTH = 4.8
_MARGIN = 0.1
_BINS = 15
# Coverages, as fractions of the data, whose error rates are listed.
_COVERAGES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)
# The number of an ensemble's networks whose training curve is drawn.
_SHOWN_NETWORKS = 4
_CURVES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
    "learning_rate": "learning rate",
}


def to_svg(draw: Callable[[Any], Any], height: float, label: str) -> tuple[Any, str]:
    """Draw a figure as SVG for a page, independently of the user's matplotlib settings.

    Parameters
    ----------
    draw : callable
        Called with axes. Its result is returned with the figure.
    height : float
        The figure's height in inches.
    label : str
        A description for people who cannot see the figure. It must be unique in the page.

    Returns
    -------
    drawn : object
        The result of `draw`.
    svg : str
        An SVG element that scales to the width of the page.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    buffer = io.BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # The salt makes the ids of this figure's parts unique in the page.
        matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": label})
        # The page's font may be wider than the one that matplotlib measures.
        layout = ConstrainedLayoutEngine(w_pad=_MARGIN, h_pad=_MARGIN)
        figure = Figure(figsize=(_WIDTH, height), layout=layout)
        drawn = draw(figure.subplots())
        figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())
    _prepare_for_page(root)
    root.attrib.update({"role": "img", "aria-label": label})
    return drawn, ElementTree.tostring(root, encoding="unicode")


def _prepare_for_page(root: ElementTree.Element) -> None:
    """Remove parts that only a separate file needs, or that would affect the rest of the page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    texts = [value for element in root.iter() for value in element.attrib.values()]
    used = " ".join(value for value in texts if "#" in value)
    for element in root.iter():
        # SVG in HTML needs no namespaces.
        element.tag = element.tag.rpartition("}")[2]
        for name, value in list(element.attrib.items()):
            del element.attrib[name]
            name = name.rpartition("}")[2]
            if name != "id" or f"#{value}" in used:
                element.set(name, value)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    # The properties of the removed style element.
    root.attrib.update({"stroke-linejoin": "round", "stroke-linecap": "butt"})


def describe_confidence(
    y: np.ndarray,
    probabilities: np.ndarray,
    classes: np.ndarray,
    threshold: float | None = None,
    target_error_rate: float | None = None,
) -> dict[str, Any]:
    """Figures and tables of the calibration, and of the errors that rejection avoids.

    Parameters
    ----------
    y : ndarray of shape (n,)
    probabilities : ndarray of shape (n, n_classes)
    classes : ndarray of shape (n_classes,)
    threshold, target_error_rate : float or None, default=None
        An `AbstainingClassifier`'s threshold and target.
    """
    answers = (y, probabilities, classes)
    reliability, reliability_svg = to_svg(
        lambda ax: ReliabilityDisplay.from_predictions(*answers, n_bins=_BINS, ax=ax),
        height=5.2,
        label="Reliability diagram: the accuracy of the answers at each confidence. The table of "
        "bins has the same figures.",
    )
    coverage, coverage_svg = to_svg(
        lambda ax: CoverageDisplay.from_predictions(
            *answers, threshold=threshold, target_error_rate=target_error_rate, ax=ax
        ),
        height=3.6,
        label="Error rate of the answers against their coverage. The table of coverages has "
        "figures from it.",
    )
    confidences = probabilities.max(axis=1)
    falling = -np.sort(-confidences)
    indices = np.unique(np.searchsorted(coverage.coverage, np.array(_COVERAGES) - 1e-9))
    return {
        "calibration_error": reliability.error,
        "n_bins": _BINS,
        "mean_confidence": float(confidences.mean(dtype=float)),
        "reliability": reliability_svg,
        "bins": [
            {
                "confidence": float(confidence),
                "answers": int(n),
                "accuracy": float(accuracy),
                "interval": wilson_interval(round(accuracy * n), int(n)),
            }
            for confidence, accuracy, n in zip(
                reliability.prob_pred, reliability.prob_true, reliability.counts, strict=True
            )
        ],
        "coverage": coverage_svg,
        "covered": [
            {
                "part": float(coverage.coverage[i]),
                "answers": (n := round(coverage.coverage[i] * len(y))),
                "confidence": float(falling[n - 1]),
                "errors": round(coverage.error_rate[i] * n),
                "error_rate": float(coverage.error_rate[i]),
            }
            for i in indices
        ],
    }


def describe_trainings(networks: Sequence[Any]) -> list[dict[str, Any]]:
    """The training of each network, at most of the first four: a figure and a table.

    Parameters
    ----------
    networks : sequence of DigitCNNClassifier
        Fitted networks.
    """

    trainings = []
    for number, network in enumerate(networks[:_SHOWN_NETWORKS], start=1):
        history = network.history_
        keys = [key for key in _CURVES if history.get(key)]
        last = ", ".join(f"{_CURVES[key]} {history[key][-1]:.4g}" for key in keys)
        _, svg = to_svg(
            partial(_draw_training, network),
            height=5.6,
            label=f"Training of network {number} by epoch; after the last one {last}.",
        )
        trainings.append(
            {
                "svg": svg,
                "columns": [_CURVES[key] for key in keys],
                "epochs": list(zip(*(history[key] for key in keys), strict=True)),
            }
        )
    return trainings


def _draw_training(network: Any, ax: Any) -> None:
    lines = TrainingCurveDisplay.from_estimator(network, ax=ax).lines_
    if "batch_loss" in lines:
        # As vectors, its many points would make the page large.
        lines["batch_loss"].set_rasterized(True)
