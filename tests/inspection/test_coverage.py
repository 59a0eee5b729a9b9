import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from conftest import make_classifier
from digitcnn import AbstainingClassifier
from digitcnn.inspection import CoverageDisplay


def panel():
    return Figure().subplots()


@given(
    levels=st.lists(st.integers(50, 100), min_size=1, max_size=50),
    seed=st.integers(0, 99),
    threshold=st.floats(0.5, 1.0),
)
@settings(max_examples=50)
def test_curve_is_what_each_threshold_answers_and_gets_wrong(levels, seed, threshold):
    confidences = np.array(levels) / 100
    probabilities = np.column_stack([confidences, 1 - confidences])
    y = np.random.default_rng(seed).integers(0, 2, len(levels))
    wrong = probabilities.argmax(axis=1) != y
    display = CoverageDisplay.from_predictions(
        y, probabilities, [0, 1], threshold=threshold, ax=panel()
    )
    steps = sorted(set(confidences), reverse=True)
    np.testing.assert_allclose(display.coverage, [(confidences >= c).mean() for c in steps])
    np.testing.assert_allclose(display.error_rate, [wrong[confidences >= c].mean() for c in steps])
    np.testing.assert_allclose(display.line_.get_ydata(), display.error_rate)
    answered = confidences.astype(np.float32) >= threshold
    assert display.threshold_coverage == answered.mean()
    if answered.any():
        assert display.threshold_error_rate == pytest.approx(wrong[answered].mean())
    else:
        assert np.isnan(display.threshold_error_rate)


@pytest.fixture(scope="module")
def abstaining(digits):
    X, y = digits
    clf = AbstainingClassifier(KNeighborsClassifier(9), target_error_rate=0.02, random_state=0)
    return make_pipeline(StandardScaler(), clf).fit(X[:900], y[:900])


def test_threshold_of_an_abstaining_classifier_is_marked_on_the_curve(abstaining, digits):
    X, y = digits[0][900:], digits[1][900:]
    display = CoverageDisplay.from_estimator(abstaining, X, y, ax=panel())
    labels = abstaining.predict(X)
    answered = labels != -1
    assert display.threshold == abstaining[-1].threshold_
    assert display.threshold_coverage == pytest.approx(answered.mean())
    assert display.threshold_error_rate == pytest.approx((labels != y)[answered].mean())
    assert display.target_error_rate == 0.02
    assert display.target_error_rate_line_.get_ydata()[0] == 0.02
    x, y = (data[0] for data in display.threshold_line_.get_data())
    assert any(np.allclose(point, (x, y)) for point in display.line_.get_xydata())


def test_threshold_for_a_wanted_error_rate_comes_from_validation_data(digits):
    X, y = digits
    clf = make_classifier(epochs=4, validation_fraction=0.3).fit(X[:900], y[:900])
    display = CoverageDisplay.from_estimator(
        clf, X[900:], y[900:], target_error_rate=0.05, ax=panel()
    )
    assert display.threshold == clf.confidence_threshold(0.05)
    assert display.error_rate[-1] == pytest.approx(1 - clf.score(X[900:], y[900:]))
    assert display.coverage[-1] == 1


def test_without_a_wanted_error_rate_nothing_is_marked(fitted, digits):
    display = CoverageDisplay.from_estimator(fitted, *digits, ax=panel())
    assert display.threshold_line_ is display.target_error_rate_line_ is None


def test_wanted_error_rate_without_validation_data_is_refused(fitted, digits):
    with pytest.raises(ValueError, match=r"got one without\. Give validation_fraction"):
        CoverageDisplay.from_estimator(fitted, *digits, target_error_rate=0.01)


def test_threshold_that_answers_nothing_is_said_to(digits):
    X, y = digits
    clf = GaussianNB().fit(X[:500], y[:500])
    ax = panel()
    CoverageDisplay.from_predictions(
        y[500:], clf.predict_proba(X[500:]), clf.classes_, threshold=np.inf, ax=ax
    )
    ax.figure.draw_without_rendering()
    assert "confidence ≥ inf: 0.0% answered" in [
        text.get_text() for text in ax.get_legend().get_texts()
    ]
