"""What the parameters stand for that are "auto"."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

import digitcnn
from conftest import make_classifier
from digitcnn import DigitCNNClassifier
from digitcnn.training.defaults import (
    choose_batch_size,
    choose_learning_rate,
    choose_momentum,
    count_batches,
    resolve_auto,
)

SIZES = st.integers(1, 10**6)


def settled(n_images, *, is_part=False, **parameters):
    found = resolve_auto(
        DigitCNNClassifier(**parameters).get_params(), n_images=n_images, is_part=is_part
    )
    return found["batch_size"], found["epochs"]


@pytest.mark.parametrize(
    ("n_images", "expected"),
    [(60_000, (256, 5)), (42_000, (256, 7)), (4_096, (256, 75)), (10**7, (256, 4))],
)
def test_data_of_mnists_size_trains_in_batches_of_256(n_images, expected):
    assert settled(n_images) == expected
    assert choose_learning_rate(256, goes_on=False) == 0.009
    assert choose_learning_rate(256, goes_on=True) == 0.0002
    for own in (0.9, 0.99):
        assert choose_momentum(own, n_batches=1_000) == own


@pytest.mark.parametrize(("n_images", "batch_size"), [(10, 16), (200, 16), (400, 32), (1_347, 64)])
def test_small_data_has_smaller_batches_and_is_passed_over_more_often(n_images, batch_size):
    chosen, epochs = settled(n_images)
    assert chosen == batch_size
    assert epochs * count_batches(n_images, chosen) <= 800
    assert epochs == 100 or epochs * count_batches(n_images, chosen) > 700


@given(n_images=SIZES, epochs=st.none() | st.integers(1, 50))
def test_batch_makes_enough_batches_or_is_as_small_as_can_be(n_images, epochs):
    size = choose_batch_size(n_images, epochs)
    assert size in (16, 32, 64, 128, 256)
    if size > 16:
        assert n_images // size >= 12
        assert epochs is None or epochs * count_batches(n_images, size) >= 150
    if size < 256:  # the next one would make too few
        too_few = n_images / (2 * size) < 12
        assert too_few or (epochs is not None and n_images * epochs / (2 * size) < 150)


@given(n_images=SIZES, batch_size=st.integers(1, 2_000), epochs=st.integers(1, 500))
def test_what_is_given_is_kept(n_images, batch_size, epochs):
    assert settled(n_images, batch_size=batch_size, epochs=epochs) == (batch_size, epochs)
    assert settled(n_images, batch_size=batch_size)[0] == batch_size
    assert settled(n_images, epochs=epochs)[1] == epochs


def test_calls_that_train_together_have_the_batch_of_a_long_training():
    assert settled(4_096, epochs=1, is_part=True) == (256, 1)
    assert settled(4_096, epochs=1) == (16, 1)


@given(n_batches=st.integers(1, 5_000), own=st.sampled_from([0.9, 0.99]))
def test_averages_have_forgotten_what_they_began_with(n_batches, own):
    momentum = choose_momentum(own, n_batches)
    assert 0.5 <= momentum <= own
    if n_batches >= 6:
        assert momentum**n_batches < 0.02


@given(st.integers(1, 256))
def test_smaller_batches_have_smaller_rates(batch_size):
    for goes_on in (False, True):
        rate = choose_learning_rate(batch_size, goes_on=goes_on)
        assert 0 < rate <= choose_learning_rate(256, goes_on=goes_on)
        assert choose_learning_rate(1024, goes_on=goes_on) == choose_learning_rate(
            256, goes_on=goes_on
        )


# In a fit


@pytest.fixture(scope="module")
def small():
    """scikit-learn's digits as they come, 0 to 16 in float64, and their labels."""
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def few(small):
    """The default after three epochs of 400 digits. Not to be changed."""
    X, y = small
    return DigitCNNClassifier(epochs=3, random_state=0).fit(X[:400], y[:400])


def test_few_epochs_of_few_digits_read_far_better_than_chance(small, few):
    X, y = small
    assert few.score(X[400:], y[400:]) > 0.75
    assert few.n_iter_ == 3
    assert len(few.batch_loss_curve_) == 3 * 25  # batches of 16


@pytest.mark.parametrize("architecture", ["elu-bn", "relu-dropout"])
def test_other_networks_learn_in_few_epochs_of_few_digits_too(small, architecture):
    X, y = small
    clf = DigitCNNClassifier(architecture, epochs=4, learning_rate=0.001, random_state=0)
    assert clf.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.6


def test_network_whose_averages_were_too_slow_reads_what_it_has_learned(small):
    X, y = small
    # Twelve batches, which an average of the last hundred would hardly notice.
    clf = make_classifier(
        architecture="elu-bn", epochs=6, batch_size=200, learning_rate=0.002, schedule="one_cycle"
    ).fit(X[:400], y[:400])
    assert clf.score(X[:400], y[:400]) > clf.history_["accuracy"][-1] - 0.1
    assert clf.history_["accuracy"][-1] > 0.5


def test_range_of_scikit_learns_digits_is_found_remembered_and_held_against_others(small, few):
    X, _ = small
    assert few.pixel_range_ == (0.0, 16.0)
    np.testing.assert_array_equal(few.predict(X[:50].astype(np.uint8)), few.predict(X[:50]))
    for other in (X * (255 / 16), X / 16):
        with pytest.raises(ValueError, match=r"0\.\.16"):
            few.predict(other)


def test_what_was_used_is_in_the_figures_and_what_was_given_in_the_parameters(few, tmp_path):
    assert clone(few).get_params() == few.get_params()
    assert (few.batch_size, few.learning_rate, few.epochs) == ("auto", "auto", 3)
    few.save(tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    # A file names its network, whatever "auto" is for a later version.
    assert loaded.get_params() == {**few.get_params(), "architecture": "slim"}
    assert loaded.n_iter_ == 3


def test_auto_and_numbers_stand_in_one_grid(small):
    X, y = small
    grid = {"batch_size": ["auto", 64], "epochs": ["auto", 1]}
    clf = make_classifier(random_state=0)
    search = GridSearchCV(clf, grid, cv=2, refit=False).fit(X[:60], y[:60])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_numbers_that_auto_stands_for_train_the_same_network(small, few):
    X, y = small
    given = DigitCNNClassifier(epochs=3, batch_size=16, learning_rate=0.00225, random_state=0)
    given.fit(X[:400], y[:400])
    np.testing.assert_array_equal(given.predict_proba(X), few.predict_proba(X))


def test_further_calls_and_fits_go_on_at_a_rate_that_suits_their_batches(small):
    X, y = small
    clf = make_classifier(batch_size="auto", learning_rate="auto", epochs=2, schedule=None)
    clf.fit(X[:100], y[:100]).partial_fit(X[:100], y[:100])
    assert clf.history_["learning_rate"] == pytest.approx([0.00225, 0.00225, 0.00005])
