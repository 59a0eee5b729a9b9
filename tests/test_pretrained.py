"""The trained model that comes with the package."""

import pickle
from importlib.metadata import distribution

import numpy as np
import pytest
from sklearn.base import clone

import digitcnn
from digitcnn.architectures import PRETRAINED
from digitcnn.datasets import load_sample_digits
from digitcnn.serialization.initial import model_path


@pytest.fixture(scope="module")
def pretrained():
    """Not to be changed."""
    return digitcnn.load_pretrained()


@pytest.fixture(scope="module")
def sample():
    return load_sample_digits()


def confidence(model, X):
    return model.predict_proba(X).max(axis=1)


def test_digits_of_other_writers_are_read_and_nearly_all_with_confidence(pretrained, sample):
    X, y = sample
    assert pretrained.score(X, y) >= 0.993
    assert (confidence(pretrained, X) > 0.5).mean() >= 0.99


def test_pictures_of_one_shade_are_no_digits(pretrained):
    shades = np.repeat(np.arange(0, 256, 15, dtype=np.uint8), 784).reshape(-1, 784)
    assert (confidence(pretrained, shades) < 0.5).all()


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.integers(0, 256, (400, 784)),
        lambda rng: np.clip(rng.normal(60, 40, (400, 784)), 0, 255),
        lambda rng: 255 * (rng.random((400, 784)) < 0.15),
    ],
    ids=["even", "normal", "specks"],
)
def test_noise_is_no_digit(pretrained, draw):
    noise = draw(np.random.default_rng(0)).astype(np.uint8)
    assert (confidence(pretrained, noise) < 0.5).mean() >= 0.95


def test_digits_in_negative_are_not_read_with_confidence(pretrained, sample):
    assert (confidence(pretrained, 255 - sample[0]) < 0.5).mean() >= 0.95


def test_halves_of_digits_get_less_confidence_than_digits(pretrained, sample):
    X, y = sample
    halves = X[np.isin(y, (2, 3, 5))].reshape(-1, 28, 28).copy()
    halves[:, 14:] = 0
    halves = digitcnn.DigitNormalizer().transform(halves)
    assert (confidence(pretrained, halves) < 0.5).mean() >= 0.8


def test_model_is_of_digits_in_mnists_form(pretrained):
    assert type(pretrained) is digitcnn.DigitCNNClassifier
    np.testing.assert_array_equal(pretrained.classes_, np.arange(10))
    assert pretrained.classes_.dtype == np.int64
    assert pretrained.image_shape_ == (28, 28, 1)
    assert pretrained.pixel_range_ == (0, 255)
    assert pretrained.n_features_in_ == 784


def test_each_call_gives_a_model_of_its_own(pretrained, sample):
    X, y = sample[0][:64], sample[1][:64]
    before = pretrained.predict_proba(X)
    other = digitcnn.load_pretrained()
    other.set_params(epochs=1, learning_rate=0.05).partial_fit(X, y)
    assert not np.array_equal(other.predict_proba(X), before)
    np.testing.assert_array_equal(pretrained.predict_proba(X), before)
    np.testing.assert_array_equal(digitcnn.load_pretrained().predict_proba(X), before)


def test_pickled_model_answers_the_same(pretrained, sample):
    X = sample[0][:64]
    again = pickle.loads(pickle.dumps(pretrained))
    np.testing.assert_array_equal(again.predict_proba(X), pretrained.predict_proba(X))


def test_clone_has_the_parameters_and_is_not_fitted(pretrained):
    copy = clone(pretrained)
    assert copy.get_params() == pretrained.get_params()
    assert not hasattr(copy, "classes_")


def test_file_is_of_two_megabytes_at_most():
    with model_path(PRETRAINED) as path:
        assert path.stat().st_size <= 2_000_000


def test_wheel_holds_the_model():
    # tox installs the wheel; an editable installation lists no modules.
    listed = {str(path) for path in distribution("digitcnn").files}
    if "digitcnn/__init__.py" not in listed:
        pytest.skip("not installed from a wheel")
    with model_path(PRETRAINED) as path:
        assert f"digitcnn/pretrained/{path.name}" in listed
