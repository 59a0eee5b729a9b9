import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from digitcnn.calibration import calibration_error
from digitcnn.inspection import ReliabilityDisplay


def panel():
    return Figure().subplots()


@pytest.mark.slow
@given(seed=st.integers(0, 999), n=st.integers(1, 300), n_bins=st.integers(1, 20))
@settings(max_examples=30)
def test_each_answer_is_in_the_bin_of_its_confidence(seed, n, n_bins):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(4, 0.3), n)
    y = rng.integers(0, 4, n)
    display = ReliabilityDisplay.from_predictions(
        y, probabilities, np.arange(4), n_bins=n_bins, ax=panel()
    )
    confidences = probabilities.max(axis=1)
    hits = (probabilities.argmax(axis=1) == y).astype(float)
    bins = np.minimum(np.ceil(confidences * n_bins), n_bins)
    kept = np.unique(bins)
    np.testing.assert_array_equal(display.counts, [(bins == b).sum() for b in kept])
    np.testing.assert_allclose(display.prob_true, [hits[bins == b].mean() for b in kept])
    np.testing.assert_allclose(
        display.prob_pred, [confidences[bins == b].mean() for b in kept], rtol=1e-5
    )
    assert display.error == calibration_error(probabilities, y, n_bins)


def test_bars_end_where_the_rate_seen_is_just_not_surprising():
    """Wilson's interval: there it is 1.96 standard deviations away."""
    rates, counts = np.array([0.4, 1.0, 0.0]), np.array([10, 30, 1])
    display = ReliabilityDisplay(
        rates, np.array([0.5, 0.9, 1.0]), np.ones(41), counts=counts, error=0.1
    ).plot(ax=panel())
    ends = np.array([segment[:, 1] for segment in display.bars_.get_segments()])
    for (low, high), rate, n in zip(ends, rates, counts, strict=True):
        for end in (low, high):
            away = abs(end - rate) / np.sqrt(max(end * (1 - end), 1e-30) / n)
            assert away == pytest.approx(1.96, abs=0.01) or end == rate == round(rate)


def test_counts_stand_over_their_bins(fitted, digits):
    display = ReliabilityDisplay.from_estimator(
        fitted, digits[0][1200:], digits[1][1200:], ax=panel()
    )
    (above,) = display.ax_.child_axes
    assert [text.get_text() for text in above.get_xticklabels()] == [
        f"{count:,}" for count in display.counts
    ]
    np.testing.assert_allclose(above.get_xticks(), display.prob_pred)
    assert display.line_.get_label() != ""
    np.testing.assert_allclose(display.line_.get_ydata(), display.prob_true)


def test_curves_of_two_classifiers_share_axes(fitted, digits):
    ax = panel()
    for name in ("one", "two"):
        ReliabilityDisplay.from_estimator(
            fitted, digits[0][1200:], digits[1][1200:], name=name, show_counts=False, ax=ax
        )
    names = [text.get_text().split(" (")[0] for text in ax.get_legend().get_texts()]
    assert sorted(names) == ["Perfectly calibrated", "one", "two"]
    assert ax.child_axes == []


def test_labels_that_the_classifier_does_not_know_are_refused(fitted, digits):
    with pytest.raises(ValueError, match=r"among the classes .*, got 12"):
        ReliabilityDisplay.from_estimator(fitted, digits[0][:2], [3, 12])
