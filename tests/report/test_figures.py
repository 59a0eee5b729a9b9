import re
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from digitcnn import DigitCNNClassifier
from digitcnn.report._figures import describe_confidence, describe_trainings, to_svg
from digitcnn.training.history import History


def draw_line(ax):
    ax.plot([1, 2, 3], label="a <b> & c")
    ax.legend()
    return ax.get_facecolor()


def test_figure_is_one_element_that_says_what_is_seen_and_keeps_its_letters():
    _, svg = to_svg(draw_line, 3.0, 'A "line"')
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    assert (root.get("role"), root.get("aria-label")) == ("img", 'A "line"')
    assert "width" not in root.attrib
    assert [e.text for e in root.iter("text") if e.text.startswith("a")] == ["a <b> & c"]
    assert "http" not in svg
    assert not {"style", "metadata", "script"} & {element.tag for element in root.iter()}


def test_names_in_two_figures_differ():
    names = [
        re.findall(r'\bid="([^"]+)"', to_svg(draw_line, 3.0, label)[1]) for label in ("one", "two")
    ]
    assert names[0]
    assert not set(names[0]) & set(names[1])


def test_every_name_that_a_figure_refers_to_is_in_it():
    _, svg = to_svg(draw_line, 3.0, "line")
    expected = re.findall(r'(?:url\(#|href="#)([^")]+)', svg)
    assert expected
    assert set(expected) == set(re.findall(r'\bid="([^"]+)"', svg))


def test_settings_of_matplotlib_neither_matter_nor_change():
    before, figures = dict(matplotlib.rcParams), pyplot.get_fignums()
    plain = to_svg(draw_line, 3.0, "line")
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == figures
    with matplotlib.rc_context({"axes.facecolor": "black", "svg.fonttype": "path"}):
        mine = dict(matplotlib.rcParams)
        assert to_svg(draw_line, 3.0, "line") == plain
        assert dict(matplotlib.rcParams) == mine


def test_tables_beside_the_figures_hold_their_numbers(digits):
    y = digits[1]
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(10, 0.1), len(y))
    hits = probabilities.argmax(axis=1) == y
    content = describe_confidence(y, probabilities, np.arange(10))
    assert sum(part["answers"] for part in content["bins"]) == len(y)
    right = sum(part["answers"] * part["accuracy"] for part in content["bins"])
    assert right == pytest.approx(hits.sum())
    for part in content["bins"]:
        assert part["interval"][0] <= part["accuracy"] <= part["interval"][1]
    confidences = probabilities.max(axis=1)
    for part in content["covered"]:
        is_answered = confidences >= part["confidence"]
        assert part["answers"] == is_answered.sum()
        assert part["errors"] == (~hits[is_answered]).sum()
        assert part["part"] == pytest.approx(is_answered.mean())
    assert content["covered"][-1]["answers"] == len(y)
    for name in ("reliability", "coverage"):
        assert content[name].startswith("<svg ")


def test_threshold_of_an_abstaining_classifier_is_marked(digits):
    y = digits[1]
    probabilities = np.random.default_rng(0).dirichlet(np.full(10, 0.1), len(y))
    plain = describe_confidence(y, probabilities, np.arange(10))
    marked = describe_confidence(y, probabilities, np.arange(10), 0.9, 0.02)
    assert "2% target" not in plain["coverage"]
    assert "2% target" in marked["coverage"]


@pytest.fixture
def trained():
    """A classifier with given curves: drawing them needs no network."""
    clf = DigitCNNClassifier()
    epochs = {
        "loss": [0.9, 0.4, 0.2],
        "accuracy": [0.6, 0.8, 0.9],
        "val_loss": [0.5, 0.3, 0.25],
        "learning_rate": [0.01, 0.01, 0.005],
    }
    history = History(epochs, list(np.random.default_rng(0).random(30) + 0.1))
    clf._trainer = SimpleNamespace(history=history, network=SimpleNamespace(is_trained=True))
    return clf


def test_training_has_a_figure_and_a_row_for_each_epoch(trained):
    (training,) = describe_trainings([trained])
    assert training["columns"] == ["loss", "accuracy", "validation loss", "learning rate"]
    assert training["epochs"] == [
        (0.9, 0.6, 0.5, 0.01),
        (0.4, 0.8, 0.3, 0.01),
        (0.2, 0.9, 0.25, 0.005),
    ]
    assert "loss 0.2, accuracy 0.9, validation loss 0.25, learning rate 0.005" in training["svg"]


@pytest.mark.slow
def test_training_of_many_batches_makes_a_small_figure(trained):
    losses = list(np.random.default_rng(0).random(100_000) + 0.1)
    trained._trainer.history.batch_losses = losses
    assert len(describe_trainings([trained])[0]["svg"]) < 200_000


@pytest.mark.slow
def test_of_many_networks_the_first_trainings_are_shown(trained):
    svgs = [training["svg"] for training in describe_trainings([trained] * 6)]
    assert len(svgs) == len(set(svgs)) == 4
