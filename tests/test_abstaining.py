import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from conftest import make_classifier
from digitcnn import AbstainingClassifier, DigitCSVTransformer, DigitNormalizer
from digitcnn.abstaining import with_reject_label

LENIENT = AbstainingClassifier(
    LogisticRegression(), target_error_rate=0.9, validation_fraction=0.3, random_state=0
)

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a row of weight 0, or a row twice, falls on another side of the part held out"
    ),
    "check_sample_weight_equivalence_on_sparse_data": "likewise",
    "check_classifiers_train": "predict is not the likeliest label where it gives no answer",
    "check_classifiers_train(readonly_memmap=True)": "likewise",
    "check_classifiers_train(readonly_memmap=True,X_dtype=float32)": "likewise",
}


@pytest.mark.slow
@parametrize_with_checks([LENIENT], expected_failed_checks=lambda _: EXPECTED_FAILURES)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def abstaining(digits):
    X, y = digits
    clf = AbstainingClassifier(KNeighborsClassifier(9), target_error_rate=0.01, random_state=0)
    return clf.fit(X[:1200], y[:1200])


def test_what_is_answered_is_wrong_less_often_than_what_is_not(abstaining, digits):
    X, y = digits[0][1200:], digits[1][1200:]
    labels = abstaining.predict(X)
    answered = labels != -1
    would_be = abstaining.classes_[abstaining.predict_proba(X).argmax(axis=1)]
    np.testing.assert_array_equal(labels[answered], would_be[answered])
    assert 0.5 < answered.mean() < 1.0
    assert (labels == y)[answered].mean() > (would_be == y)[~answered].mean() + 0.1
    assert abstaining.score(X, y) == pytest.approx((labels == y).mean())


@pytest.mark.slow
def test_network_is_calibrated_on_the_part_held_out(digits):
    X, y = digits
    clf = AbstainingClassifier(
        make_classifier(), target_error_rate=0.05, validation_fraction=0.25, random_state=0
    ).fit(X[:400], y[:400])
    assert len(clf.classifier_.validation_correct_) == 100
    assert clf.threshold_ == pytest.approx(clf.classifier_.confidence_threshold(0.05))
    assert (clf.predict(X[:50]) == -1).any() or clf.threshold_ < 0.5


def test_it_stands_in_a_pipeline_a_search_and_a_cross_validation(digits):
    X, y = digits
    frame = pd.DataFrame(X[:600], columns=[f"pixel{i}" for i in range(64)])
    clf = AbstainingClassifier(GaussianNB(), target_error_rate=0.2, random_state=0)
    pipeline = make_pipeline(DigitCSVTransformer(), clf)
    assert cross_val_score(pipeline, frame, y[:600], cv=2).min() > 0.3
    grid = {"abstainingclassifier__target_error_rate": [0.1, 0.3]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(frame, y[:600])
    # More answers are right than none at all.
    assert search.best_params_ == {"abstainingclassifier__target_error_rate": 0.3}


@pytest.mark.parametrize(
    ("names", "reject_label", "kind"),
    [
        (np.arange(10, dtype=np.uint8), None, int),
        (np.array([f"d{i}" for i in range(10)]), None, str),
        (np.array([f"d{i}" for i in range(10)], object), "?", str),
        (np.arange(10.0), -9, float),
        (np.arange(10), "?", object),
    ],
)
def test_labels_of_any_type_have_a_reject_label(digits, names, reject_label, kind):
    X, y = digits
    clf = AbstainingClassifier(
        GaussianNB(), target_error_rate=0.2, reject_label=reject_label, random_state=0
    )
    clf.fit(X[:600], names[y[:600]])
    clf.threshold_ = 0.9999
    labels = clf.predict(X[600:])
    assert {True, False} == {label == clf.reject_label_ for label in labels.tolist()}
    assert set(labels.tolist()) <= {*names.tolist(), clf.reject_label_}
    if kind is not object:
        assert {type(label) for label in labels.tolist()} == {kind}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"target_error_rate": 0}, "expected target_error_rate between 0 and 1, got 0"),
        ({"target_error_rate": "1%"}, "expected target_error_rate between 0 and 1, got '1%'"),
        ({"validation_fraction": 1.0}, "expected validation_fraction between 0 and 1, got 1.0"),
        (
            {"validation_fraction": 0.005},
            "enough .* to hold out validation_fraction=0.005, got 600",
        ),
        ({"classifier": LinearSVC()}, r"with predict_proba, got LinearSVC\(\)\. Put a sklearn"),
        ({"reject_label": 3}, "not one of the labels, got 3. Give another"),
        (
            {"target_error_rate": 0.001},
            "at least 999 validation images for target_error_rate=0.001, got 60",
        ),
    ],
)
def test_bad_parameters_are_refused_before_the_training(digits, parameters, message):
    X, y = digits

    class Never(GaussianNB):
        def fit(self, X, y):
            raise AssertionError

    clf = AbstainingClassifier(Never(), random_state=0).set_params(target_error_rate=0.2)
    with pytest.raises(ValueError, match=message):
        clone(clf).set_params(**parameters).fit(X[:600], y[:600])


def test_reject_label_is_a_number_that_is_no_label(digits):
    X, y = digits
    clf = AbstainingClassifier(GaussianNB(), target_error_rate=0.2, random_state=0).fit(X, y - 2)
    assert clf.reject_label_ == -3


@pytest.mark.parametrize("dtype", ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4"])
@pytest.mark.parametrize(
    "reject_label", [-1, 300, -1000, 2**40, -(2**40), 2**63, np.int64(70000), np.uint8(200), 0.1]
)
def test_reject_label_and_labels_keep_their_values_whatever_the_type(dtype, reject_label):
    top = 1 if np.dtype(dtype).kind == "b" else 2**24
    if np.dtype(dtype).kind in "ui":
        # The common type with a fraction is a float.
        top = min(int(np.iinfo(dtype).max), 2**53 if reject_label == 0.1 else 2**64)
    labels = with_reject_label(np.array([top, 0], dtype), np.array([True, False]), reject_label)
    assert labels.tolist() == [top, reject_label]


@pytest.mark.parametrize(
    "labels", [np.array([3, 0]), np.array([True, False]), np.array([0.5, 1]), np.array(["d", "e"])]
)
@pytest.mark.parametrize("reject_label", [b"none", ("no", "answer"), np.datetime64("2000-01-01")])
def test_reject_label_of_another_kind_leaves_the_labels_as_they_are(labels, reject_label):
    answers = with_reject_label(labels, np.array([True, False]), reject_label)
    assert answers[0] == labels[0]
    assert type(answers[0]) is type(labels[0].item())
    assert answers[1] == reject_label


def test_dates_are_labels_and_may_have_a_date_for_none():
    days, answered = np.array(["2000-01-01", "2000-01-02"], "M8[D]"), np.array([True, False])
    answers = with_reject_label(days, answered, np.datetime64("1970-01-01"))
    assert answers.tolist() == [days[0].item(), np.datetime64("1970-01-01").item()]
    assert with_reject_label(days, answered, -1).tolist() == [days[0].item(), -1]


def test_tables_of_arrow_and_lists_of_pictures_are_divided_by_rows(digits):
    pa = pytest.importorskip("pyarrow")
    X, y = digits
    table = pa.table({f"pixel{i}": X[:300, i] for i in range(64)})
    # Of many sizes: no array holds them.
    pictures = [np.pad(image, i % 3) for i, image in enumerate(X[:300].reshape(-1, 8, 8))]
    for step, rows in ((DigitCSVTransformer(), table), (DigitNormalizer(), pictures)):
        clf = AbstainingClassifier(
            make_pipeline(step, GaussianNB()),
            target_error_rate=0.3,
            validation_fraction=0.3,
            random_state=0,
        )
        assert clf.fit(rows, y[:300]).predict(rows).shape == (300,)


def test_reject_label_takes_no_wider_type_than_it_needs():
    labels = with_reject_label(np.array([3, 4], np.int32), np.array([True, False]), -1)
    assert labels.dtype == np.int32
