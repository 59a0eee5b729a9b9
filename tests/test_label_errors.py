import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_predict

from digitcnn.label_errors import class_thresholds, suspected_label_errors


def test_labels_that_were_exchanged_are_found(digits):
    X, y = digits[0] / 255, digits[1].copy()
    rng = np.random.default_rng(0)
    wrong = rng.choice(len(y), 40, replace=False)
    y[wrong] = (y[wrong] + rng.integers(1, 10, len(wrong))) % 10
    X = X + rng.normal(0, 1e-3, X.shape)  # no pixel is the same in all images
    clf = LinearDiscriminantAnalysis()
    probabilities = cross_val_predict(clf, X, y, cv=3, method="predict_proba")
    suspects = suspected_label_errors(y, probabilities, np.arange(10))
    assert len(set(suspects) & set(wrong)) >= 30
    # The most probable errors come first.
    assert np.isin(suspects[:20], wrong).sum() >= 18


@given(seed=st.integers(0, 999), n=st.integers(1, 200), n_classes=st.integers(2, 8))
@settings(max_examples=50)
def test_suspects_are_errors_as_sure_as_their_answers_class_usually_is(seed, n, n_classes):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(n_classes, 0.3), n)
    y = rng.integers(0, n_classes, n)
    suspects = suspected_label_errors(y, probabilities, np.arange(n_classes)).tolist()
    for i in range(n):
        answer = probabilities[i].argmax()
        with_its_label = probabilities[y == answer, answer]
        is_sure = len(with_its_label) and probabilities[i].max() >= with_its_label.mean() - 1e-12
        assert (i in suspects) == bool(answer != y[i] and is_sure)
    own = probabilities[suspects, y[suspects]]
    assert np.all(np.diff(own) >= 0)


def test_labels_may_be_of_any_kind_in_any_order():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.98, 0.02]])
    assert suspected_label_errors(list("zaaa"), probabilities, ["z", "a"]).tolist() == [3]
    assert suspected_label_errors(list("azzz"), probabilities, ["a", "z"]).tolist() == [3]


def test_no_class_without_images_is_suspected():
    probabilities = np.array([[0.0, 1.0], [0.9, 0.1]])
    assert class_thresholds(probabilities, np.array([0, 0]))[1] == np.inf
    assert suspected_label_errors([0, 0], probabilities, [0, 1]).tolist() == []


def test_labels_that_are_no_class_are_refused():
    with pytest.raises(ValueError, match=r"among the classes \(0, 1\), got 7"):
        suspected_label_errors([0, 7], np.full((2, 2), 0.5), [0, 1])
