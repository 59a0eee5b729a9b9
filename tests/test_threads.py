"""Several threads of a process use the estimator as one thread does."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from conftest import make_classifier
from digitcnn.backend import cache as training
from digitcnn.backend.cache import CompiledNetwork, clear_cache

THREADS = 16


@pytest.fixture
def fitted(fitted):
    """Without a network of its own, which it has once somebody asked for `model_`."""
    return pickle.loads(pickle.dumps(fitted))


@pytest.fixture
def made(monkeypatch):
    """A list that grows by one for each network that is compiled."""
    numbers = []
    start = CompiledNetwork.__init__

    def count(self, *arguments, **options):
        numbers.append(1)
        start(self, *arguments, **options)

    monkeypatch.setattr(CompiledNetwork, "__init__", count)
    clear_cache()
    yield numbers
    clear_cache()


def in_threads(calls, n_threads=THREADS):
    """What the calls give, made by so many threads at once."""
    with ThreadPoolExecutor(n_threads) as threads:
        return [one.result() for one in [threads.submit(call) for call in calls]]


@pytest.mark.slow
def test_many_threads_read_single_images_as_one_thread_does(fitted, digits, made):
    X = digits[0]
    alone = [fitted.predict_proba(X[i : i + 1]) for i in range(100)]
    assert len(made) == 1
    calls = [lambda i=i: fitted.predict_proba(X[i % 100 : i % 100 + 1]) for i in range(600)]
    for i, answer in enumerate(in_threads(calls)):
        np.testing.assert_array_equal(answer, alone[i % 100])
    # They all used the one network, and nothing of them is left.
    assert len(made) == 1
    assert len(training._cache) == 1
    assert not training._shared


def test_threads_that_come_first_at_once_compile_one_network(fitted, digits, made):
    clear_cache()
    calls = [lambda: fitted.predict_proba(digits[0][:5])] * THREADS
    answers = in_threads(calls)
    assert len(made) == 1
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


@pytest.mark.slow
def test_threads_with_two_estimators_of_one_architecture_get_each_its_own_answers(digits, made):
    X, y = digits
    both = [make_classifier(epochs=1, random_state=seed).fit(X[:150], y[:150]) for seed in (1, 2)]
    alone = [clf.predict_proba(X[:40]) for clf in both]
    calls = [lambda clf=clf: clf.predict_proba(X[:40]) for clf in both * 60]
    for i, answer in enumerate(in_threads(calls)):
        np.testing.assert_array_equal(answer, alone[i % 2])
    assert len(made) <= 2
    assert not training._shared


@pytest.mark.slow
def test_several_views_of_an_image_are_the_same_in_threads(fitted, digits):
    clf = make_classifier(epochs=1, test_time_augmentation=4).fit(digits[0][:100], digits[1][:100])
    alone = clf.predict_proba(digits[0][:3])
    for answer in in_threads([lambda: clf.predict_proba(digits[0][:3])] * 32):
        np.testing.assert_array_equal(answer, alone)


def test_image_that_is_refused_in_one_thread_does_not_trouble_the_others(fitted, digits, made):
    X = digits[0]
    alone = fitted.predict(X[:20])

    def refused():
        with pytest.raises(ValueError, match="features"):
            fitted.predict(X[:20, :60])

    calls = [refused, lambda: fitted.predict(X[:20])] * 40
    for answer in in_threads(calls)[1::2]:
        np.testing.assert_array_equal(answer, alone)
    assert len(made) == 1
    assert not training._shared


def two_layers(image_shape, n_classes):
    """A network whose layers have no seeds of their own."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.3, "elastic_alpha": 4.0, "corruption_rate": 0.5, "validation_fraction": 0.2},
        pytest.param(
            {"architecture": two_layers, "epochs": 2},
            marks=pytest.mark.skipif(
                keras.backend.backend() == "torch",
                reason="unseeded dropout is drawn from PyTorch's global generator",
            ),
        ),
    ],
    ids=["relu-dropout", "function"],
)
def test_fits_in_threads_equal_their_lone_fits_to_the_bit(digits, parameters):
    X, y = digits[0][:150], digits[1][:150]
    seeds = (1, 2, 3)
    alone = [make_classifier(**parameters, random_state=seed).fit(X, y) for seed in seeds]
    together = [make_classifier(**parameters, random_state=seed) for seed in seeds]
    in_threads([lambda clf=clf: clf.fit(X, y) for clf in together], len(seeds))
    for mine, its in zip(together, alone, strict=True):
        for one, other in zip(
            mine._trainer.network.get_state(),
            its._trainer.network.get_state(),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)
        assert mine.history_ == its.history_
        np.testing.assert_array_equal(mine.predict_proba(X), its.predict_proba(X))
    assert together[0].batch_loss_curve_ != together[1].batch_loss_curve_


def test_function_for_an_architecture_is_built_once_for_all_threads_that_predict(digits):
    X, y = digits
    calls = []

    def network(image_shape, n_classes):
        calls.append(1)
        return two_layers(image_shape, n_classes)

    clf = make_classifier(architecture=network, epochs=1).fit(X[:100], y[:100])
    alone = clf.predict_proba(X[:9])
    clear_cache()  # as a pickle of it comes into another process
    del calls[:]
    for answer in in_threads([lambda: clf.predict_proba(X[:9])] * THREADS):
        np.testing.assert_array_equal(answer, alone)
    assert calls == [1]


@pytest.mark.slow
def test_one_thread_predicts_while_another_trains(fitted, digits):
    X, y = digits
    alone = fitted.predict_proba(X[:50])
    lone_fit = make_classifier(epochs=6).fit(X[:300], y[:300]).predict_proba(X[:50])
    with ThreadPoolExecutor(1) as thread:
        training_one = thread.submit(make_classifier(epochs=6).fit, X[:300], y[:300])
        while not training_one.done():
            np.testing.assert_array_equal(fitted.predict_proba(X[:50]), alone)
    np.testing.assert_array_equal(training_one.result().predict_proba(X[:50]), lone_fit)
