import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from conftest import make_classifier
from digitcnn.inspection import TrainingCurveDisplay


@pytest.fixture(scope="module")
def watched(digits):
    """A training of 4 epochs of 4 batches that learns nothing, so that the rate is reduced."""
    X, y = digits
    clf = make_classifier(
        epochs=4,
        schedule="plateau",
        plateau_patience=1,
        plateau_factor=0.5,
        learning_rate=1e-9,
        min_learning_rate=0.0,
        validation_fraction=0.2,
    )
    return clf.fit(X[:250], y[:250])


def panel():
    return Figure().subplots()


@pytest.mark.slow
def test_curves_are_those_of_the_training(watched):
    display = TrainingCurveDisplay.from_estimator(watched, ax=panel())
    history = watched.history_
    for name, values, places in [
        ("loss", history["loss"], [0.5, 1.5, 2.5, 3.5]),
        ("accuracy", history["accuracy"], [0.5, 1.5, 2.5, 3.5]),
        ("validation_loss", history["val_loss"], [1, 2, 3, 4]),
        ("validation_accuracy", history["val_accuracy"], [1, 2, 3, 4]),
        ("batch_loss", watched.batch_loss_curve_, np.arange(16) / 4 + 0.125),
    ]:
        line = display.lines_[name]
        np.testing.assert_allclose(line.get_xdata(), places)
        np.testing.assert_allclose(line.get_ydata(), values)
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss", "accuracy", "learning rate"]
    assert {ax.get_xlim() for ax in display.axes_} == {(0, 4)}


def test_reductions_of_a_plateau_are_marked_in_every_panel(watched):
    rates = watched.history_["learning_rate"]
    reduced_after = [i + 1 for i in range(3) if rates[i + 1] < rates[i]]
    assert reduced_after
    display = TrainingCurveDisplay.from_estimator(watched, ax=panel())
    assert display.reductions.tolist() == reduced_after
    for ax in display.axes_:
        marks = [line.get_xdata()[0] for line in ax.lines if line.get_label() == "rate reduced"]
        assert marks == reduced_after
    # The rate of an epoch is drawn over all of that epoch.
    line = display.lines_["learning_rate"]
    assert line.get_drawstyle() == "steps-pre"
    assert line.get_xdata().tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(line.get_ydata(), [rates[0], *rates])


@pytest.mark.slow
@given(
    steps=st.lists(st.sampled_from([1.0, 1.0, 0.5, 2.0]), min_size=1, max_size=30),
)
@settings(max_examples=100)
def test_reductions_are_the_falls_of_a_rate_that_otherwise_stays(steps):
    rates = 0.01 * np.cumprod([1.0, *steps])
    falls = [i + 1 for i, step in enumerate(steps) if step == 0.5]
    display = TrainingCurveDisplay(loss=np.ones(len(rates)), learning_rate=rates)
    assert display.reductions.tolist() == (falls if 1.0 in steps else [])


def test_one_cycle_has_no_reductions(fitted):
    display = TrainingCurveDisplay.from_estimator(fitted, ax=panel())
    assert len(display.reductions) == 0
    assert display.lines_["learning_rate"].get_xdata().tolist() == list(range(1, 13))
    assert "validation_loss" not in display.lines_


def test_pipeline_that_ends_in_a_network_has_its_curves(fitted):
    pipeline = make_pipeline(FunctionTransformer(), fitted)
    display = TrainingCurveDisplay.from_estimator(pipeline, ax=panel())
    np.testing.assert_allclose(display.lines_["loss"].get_ydata(), fitted.loss_curve_)


def test_panels_are_those_of_what_is_given():
    display = TrainingCurveDisplay(loss=[2.0, 1.0]).plot(ax=panel())
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss"]
    display = TrainingCurveDisplay(loss=[2.0], validation_accuracy=[0.5])
    axes = Figure().subplots(2, 1)
    assert list(display.plot(ax=axes).axes_) == list(axes)
    assert display.figure_ is axes[0].figure


def test_loss_of_zero_leaves_the_others_in_view(fitted):
    clf = copy.copy(fitted)
    clf._trainer = copy.deepcopy(fitted._trainer)
    clf._trainer.history.batch_losses = [0.0] * len(fitted.batch_loss_curve_)
    figure = Figure()
    display = TrainingCurveDisplay.from_estimator(clf, ax=figure.subplots())
    figure.draw_without_rendering()
    low, high = display.axes_[0].get_ylim()
    assert min(fitted.loss_curve_) / 100 < low < min(fitted.loss_curve_)
    assert max(fitted.loss_curve_) < high < 100 * max(fitted.loss_curve_)


def test_other_estimators_are_refused():
    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(make_classifier())
    with pytest.raises(TypeError, match="got a GaussianNB"):
        TrainingCurveDisplay.from_estimator(GaussianNB())
