"""A model file read without scikit-learn predicts the same as the loaded estimator."""

import numpy as np
import pytest
from sklearn.ensemble import VotingClassifier

import digitcnn
from conftest import make_classifier
from digitcnn._utils.ensembles import networks_of
from digitcnn.serialization.stored_model import StoredModel

CASES = {
    "views": {"test_time_augmentation": 4, "fill_mode": "constant"},
    "temperature": {"temperature": 2.5},
    "one class": {},
    "padded": {"image_shape": "pad"},
    "own scale": {"pixel_range": (-1.0, 1.0)},
}


def assert_alike(path, X):
    loaded, stored = digitcnn.load(path), StoredModel(path)
    np.testing.assert_array_equal(stored.predict_proba(X), loaded.predict_proba(X))
    for name in ("classes_", "validation_confidences_", "validation_correct_"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(loaded, name))
    first = networks_of(loaded)[0]
    for name in ("n_features_in_", "image_shape_", "pixel_range_"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(first, name))


@pytest.mark.parametrize("case", CASES)
def test_answers_are_those_of_the_estimator(digits, tmp_path, case):
    X, y = digits[0][:160], digits[1][:160]
    if case == "one class":
        y = np.full(160, "seven")
    if case == "padded":
        X = X[:, :60]
    if case == "own scale":
        X = X / 127.5 - 1
    clf = make_classifier(epochs=1, validation_fraction=0.25, **CASES[case]).fit(X, y)
    clf.save(tmp_path / "m.digitcnn")
    assert_alike(tmp_path / "m.digitcnn", X)


def test_answers_of_an_ensemble_are_those_of_the_estimator(digits, tmp_path):
    X, y = digits[0][:160], np.array(list("abcdefghij"))[digits[1][:160]]
    members = [(str(i), make_classifier(epochs=1, random_state=i)) for i in range(3)]
    digitcnn.save(VotingClassifier(members, voting="soft").fit(X, y), tmp_path / "m.digitcnn")
    assert_alike(tmp_path / "m.digitcnn", X)


def test_images_that_do_not_fit_are_refused_with_what_is_expected(fitted, digits, tmp_path):
    fitted.save(tmp_path / "m.digitcnn")
    stored = StoredModel(tmp_path / "m.digitcnn")
    with pytest.raises(ValueError, match=r"X has 784 features.*images of 8x8 pixels"):
        stored.predict_proba(np.zeros((2, 784), np.uint8))
    with pytest.raises(ValueError, match="looks like the scale"):
        stored.predict_proba(digits[0][:9] / 255)
