"""The warning of a network that has not learned."""

import warnings

import keras
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from conftest import make_classifier
from digitcnn.training.convergence import warn_if_at_chance
from digitcnn.training.data import TrainingData

# Too long a batch, and too small a rate, to learn anything.
HOPELESS = {"epochs": 1, "batch_size": 256, "learning_rate": 1e-6}


def data(y, weights=None):
    y = np.asarray(y, np.int32)
    weights = None if weights is None else np.asarray(weights, np.float32)
    return TrainingData(np.zeros((len(y), 2, 2, 1)), y, weights, np.arange(len(y)), None)


def warned(train, answers, accuracy=None):
    """Whether there is a warning where the network answers so."""
    probabilities = np.eye(10)[np.asarray(answers)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_at_chance(train, lambda images: probabilities, accuracy=accuracy, stacklevel=1)
    return [one.category for one in caught] == [ConvergenceWarning]


def test_fit_that_learned_nothing_says_so_where_it_was_called_and_stands(digits):
    X, y = digits
    clf = make_classifier(**HOPELESS)
    with pytest.warns(ConvergenceWarning, match=r"it reads \d+% of its training images") as caught:
        clf.fit(X[:100], y[:100])
    assert [one.filename for one in caught if one.category is ConvergenceWarning] == [__file__]
    assert clf.predict(X[:5]).shape == (5,)


def test_fit_that_learned_something_and_parts_of_one_say_nothing(digits, fitted):
    X, y = digits
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        make_classifier(epochs=4, learning_rate=0.005).fit(X[:400], y[:400])
        make_classifier(**HOPELESS).partial_fit(X[:100], y[:100])
        make_classifier(**HOPELESS).fit(X[:20], np.zeros(20))


def test_own_network_that_trains_well_and_answers_at_chance_is_warned_about(digits):
    X, y = digits

    def slow_average(image_shape, n_classes):
        """Its normalisation reads with averages that the training has hardly moved."""
        return keras.Sequential(
            [
                keras.Input(image_shape),
                keras.layers.Flatten(),
                keras.layers.Rescaling(0.001, offset=5.0),
                keras.layers.BatchNormalization(momentum=0.99999, epsilon=1e-9),
                keras.layers.Dense(n_classes, activation="softmax"),
            ]
        )

    clf = make_classifier(architecture=slow_average, epochs=20, learning_rate=0.01, batch_size=32)
    with pytest.warns(ConvergenceWarning):
        clf.fit(X[:300], y[:300])
    assert clf.history_["accuracy"][-1] > 0.5


Y = np.repeat(np.arange(10), 10)


@pytest.mark.parametrize(
    ("n_right", "expected"), [(0, True), (10, True), (18, True), (25, False), (100, False)]
)
def test_chance_is_the_share_of_the_most_frequent_label_and_a_little(n_right, expected):
    answers = np.where(np.arange(100) < n_right, Y, (Y + 1) % 10)
    assert warned(data(Y), answers) is expected


def test_always_the_most_frequent_label_is_nothing_learned_however_often_it_is_right():
    y = np.r_[np.zeros(90, int), np.ones(10, int)]
    assert warned(data(y), np.zeros(100, int))
    assert not warned(data(y), np.r_[np.zeros(90, int), 1, 1, np.zeros(8, int)])


def test_labels_count_by_their_weights():
    y = np.r_[np.zeros(90, int), np.ones(10, int)]
    weights = np.r_[np.full(90, 0.1), np.full(10, 0.9)]
    assert warned(data(y, weights), np.zeros(100, int))
    assert not warned(data(y, weights), y)
    # The rare label is the one that counts.
    assert warned(data(y, np.r_[np.full(90, 0.01), np.ones(10)]), np.ones(100, int))


def test_nothing_is_asked_where_the_training_itself_reported_enough():
    asked = []
    warn_if_at_chance(data(Y), asked.append, accuracy=0.5, stacklevel=1)
    assert not asked


def test_network_that_cannot_answer_is_left_to_whoever_asks_it():
    def predict(images):
        raise ValueError

    warn_if_at_chance(data(Y), predict, accuracy=None, stacklevel=1)
