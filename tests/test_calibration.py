import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from digitcnn.calibration import (
    calibration_error,
    choose_threshold,
    confidence_and_correctness,
    confidence_threshold,
    fit_temperature,
    wilson_interval,
    with_temperature,
)


@pytest.fixture(scope="module")
def overfitted():
    """Probabilities, for digits not trained on, of a model that is far too sure; and the truth.

    Validation data first, then test data.
    """
    X, y = load_digits(return_X_y=True)
    X, X_rest, y, y_rest = train_test_split(X, y, train_size=300, random_state=0)
    clf = LogisticRegression(C=1e4, max_iter=500).fit(X, y)
    half = len(y_rest) // 2
    probabilities = clf.predict_proba(X_rest).astype(np.float32)
    return (probabilities[:half], y_rest[:half]), (probabilities[half:], y_rest[half:])


def test_temperature_mends_sureness_without_changing_an_answer(overfitted):
    (probabilities, y_encoded), (others, others_encoded) = overfitted
    temperature = fit_temperature(probabilities, y_encoded)
    assert temperature > 1.5
    tempered = with_temperature(others, temperature)
    np.testing.assert_array_equal(tempered.argmax(axis=1), others.argmax(axis=1))
    assert calibration_error(tempered, others_encoded) < 0.5 * calibration_error(
        others, others_encoded
    )
    assert log_loss(others_encoded, tempered) < log_loss(others_encoded, others)


@given(true=st.floats(0.3, 3.0), seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_temperature_of_made_up_answers_is_found_again(true, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (20_000, 5))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    fair = with_temperature(probabilities.astype(np.float32), true)
    y_encoded = (rng.random((len(fair), 1)) > fair.cumsum(axis=1)).sum(axis=1).clip(0, 4)
    assert fit_temperature(probabilities, y_encoded) == pytest.approx(true, rel=0.1)


def test_few_images_all_read_rightly_do_not_make_sure_of_everything():
    probabilities = np.tile(np.array([[0.9, 0.1]], np.float32), (5, 1))
    assert 0.7 < fit_temperature(probabilities, np.zeros(5, int)) < 1.0


@given(temperature=st.floats(0.05, 20), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_tempered_probabilities_are_probabilities(temperature, seed):
    rng = np.random.default_rng(seed)
    given_ones = rng.dirichlet([0.02] * 10, 20).astype(np.float32)  # with zeros among them
    tempered = with_temperature(given_ones, temperature)
    assert tempered.dtype == np.float32
    assert np.isfinite(tempered).all()
    np.testing.assert_allclose(tempered.sum(axis=1), 1, rtol=1e-5)


def test_temperature_1_gives_back_the_same_array():
    probabilities = np.array([[0.5, 0.5]], np.float32)
    assert with_temperature(probabilities, 1.0) is probabilities


@given(
    correct=st.lists(st.booleans(), min_size=1, max_size=60),
    ties=st.integers(1, 60),
    target_error_rate=st.floats(0.02, 0.9),
)
@settings(max_examples=200)
def test_threshold_answers_as_much_as_the_error_rate_allows(correct, ties, target_error_rate):
    correct = np.array(correct)
    confidences = (np.arange(len(correct)) % ties / ties).astype(np.float32)
    if len(correct) < 1 / target_error_rate - 1:
        with pytest.raises(ValueError, match="expected at least"):
            choose_threshold(confidences, correct, target_error_rate)
        return

    def rate(threshold):
        answered = confidences >= threshold
        return ((~correct & answered).sum() + 1) / (answered.sum() + 1)

    allowed = [c for c in np.unique(confidences) if rate(c) <= target_error_rate]
    assert choose_threshold(confidences, correct, target_error_rate) == min(allowed, default=np.inf)


def test_error_rate_too_small_for_the_data_names_how_much_is_wanted():
    with pytest.raises(ValueError, match=r"at least 999 .*=0\.001, got 500"):
        choose_threshold(np.ones(500), np.ones(500, bool), 0.001)


def test_threshold_keeps_its_promise_on_other_digits(overfitted):
    (probabilities, y_encoded), (others, others_encoded) = overfitted
    threshold = choose_threshold(
        *confidence_and_correctness(probabilities, y_encoded), target_error_rate=0.03
    )
    confidences, correct = confidence_and_correctness(others, others_encoded)
    answered = confidences >= threshold
    assert (~correct[answered]).mean() < 0.04 < 0.06 < (~correct).mean()
    assert answered.mean() > 0.5


@pytest.mark.parametrize("target_error_rate", [0, 1, -0.1])
def test_error_rate_that_is_none_is_refused(target_error_rate):
    with pytest.raises(ValueError, match="between 0 and 1"):
        confidence_threshold(object(), target_error_rate)


def test_threshold_without_validation_data_is_refused():
    with pytest.raises(ValueError, match=r"got one without\. Give validation_fraction, or X_val"):
        confidence_threshold(object(), 0.1)


def test_calibration_error_is_that_of_its_definition(overfitted):
    probabilities, y_encoded = overfitted[0]
    confidences, correct = confidence_and_correctness(probabilities, y_encoded)
    expected = 0.0
    for low in np.arange(15) / 15:
        members = (confidences > low) & (confidences <= low + 1 / 15 + 1e-9)
        if members.any():
            gap = confidences[members].astype(float).mean() - correct[members].mean()
            expected += members.mean() * abs(gap)
    assert calibration_error(probabilities, y_encoded) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("correct", "n"), [(0, 5), (3, 7), (99, 100), (100, 100), (9968, 10000)])
def test_interval_ends_where_what_was_seen_is_two_deviations_away(correct, n):
    low, high = wilson_interval(correct, n)
    assert 0 <= low <= correct / n <= high <= 1
    for end in (low, high):
        deviation = np.sqrt(end * (1 - end) / n)
        assert abs(correct / n - end) == pytest.approx(1.96 * deviation, rel=1e-3, abs=1e-12)
