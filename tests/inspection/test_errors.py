import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from conftest import make_classifier
from digitcnn import DigitCSVTransformer, DigitNormalizer
from digitcnn.inspection import ErrorGalleryDisplay


def panel():
    return Figure().subplots()


def texts(display):
    return [text.get_text() for text in display.ax_.texts]


@given(
    n=st.integers(1, 40),
    n_classes=st.integers(2, 5),
    n_errors=st.integers(1, 8),
    seed=st.integers(0, 999),
)
@settings(max_examples=40)
def test_errors_are_ordered_by_how_far_the_answer_leads_the_truth(n, n_classes, n_errors, seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(n_classes), n)
    classes = np.array([f"class {i}" for i in range(n_classes)])
    y = rng.choice(classes, n)
    X = np.arange(n)[:, None] * np.ones((1, 4))
    display = ErrorGalleryDisplay.from_predictions(
        X, y, probabilities, classes, n_errors=n_errors, ax=panel()
    )
    leads = {}
    for i, label in enumerate(y):
        best = max(range(n_classes), key=lambda column: probabilities[i, column])
        if classes[best] != label:
            own = classes.tolist().index(label)
            leads[i] = probabilities[i, best] - probabilities[i, own]
    expected = sorted(leads, key=leads.get, reverse=True)[:n_errors]
    assert list(display.rows) == expected
    assert display.n_errors == len(leads)
    assert display.truths.tolist() == y[expected].tolist()
    lead = display.prediction_probabilities - display.truth_probabilities
    np.testing.assert_allclose(lead, [leads[i] for i in expected])
    assert [int(picture[0, 0, 0]) for picture in display.pictures] == expected
    assert [image.get_array()[0, 0] for image in display.images_] == expected


def test_each_error_says_what_was_read_what_is_true_and_how_sure(fitted, digits):
    X, y = digits[0][1200:], digits[1][1200:]
    display = ErrorGalleryDisplay.from_estimator(fitted, X, y, n_errors=3, ax=panel())
    answers = fitted.predict(X)
    assert display.n_errors == (answers != y).sum() > 3
    probabilities = fitted.predict_proba(X)
    for i, row in enumerate(display.rows):
        assert texts(display)[3 * i : 3 * i + 3] == [
            f"row {row}",
            f"pred {answers[row]}  {probabilities[row].max():.3f}",
            f"true {y[row]}  {probabilities[row, y[row]]:.3f}",
        ]
        np.testing.assert_array_equal(display.images_[i].get_array(), X[row].reshape(8, 8))
    assert f"{display.n_errors} of 597" in display.ax_.get_title()


def test_no_errors_are_said_to_be_none(fitted, digits):
    X, y = digits
    right = fitted.predict(X) == y
    display = ErrorGalleryDisplay.from_estimator(fitted, X[right], y[right], ax=panel())
    assert display.images_ == []
    assert display.ax_.get_title() == f"All {right.sum():,} images classified correctly"


def test_pipeline_given_a_table_shows_what_its_last_step_is_given(frame):
    y = frame["label"].to_numpy()
    pipeline = make_pipeline(DigitCSVTransformer(), GaussianNB()).fit(frame, y)
    display = ErrorGalleryDisplay.from_estimator(pipeline, frame, y, ax=panel())
    assert display.n_errors == (pipeline.predict(frame) != y).sum() > 0
    pixels = frame.drop(columns="label").to_numpy()
    for row, picture in zip(display.rows, display.pictures, strict=True):
        np.testing.assert_array_equal(picture.ravel(), pixels[row])


def test_pipeline_given_pictures_shows_them_as_they_are(digits):
    X, y = digits[0][:300], digits[1][:300]
    pipeline = make_pipeline(DigitNormalizer(), GaussianNB()).fit(X, y)
    pictures = [255 - row.reshape(8, 8)[:, i % 2 :] for i, row in enumerate(X)]
    display = ErrorGalleryDisplay.from_estimator(pipeline, pictures, y, ax=panel())
    assert len(display.rows) == min(6, display.n_errors) > 1
    for row, picture in zip(display.rows, display.pictures, strict=True):
        np.testing.assert_array_equal(picture, pictures[row])
    as_rows = ErrorGalleryDisplay.from_estimator(pipeline, X, y, ax=panel())
    assert as_rows.pictures[0].shape == (28, 28, 1)
    as_given = ErrorGalleryDisplay.from_estimator(pipeline, X, y, image_shape=(8, 8), ax=panel())
    assert as_given.pictures[0].shape == (8, 8, 1)


def test_rows_that_the_classifier_fills_up_are_shown_filled_up(digits):
    X, y = digits[0][:300, :50], digits[1][:300]
    clf = make_classifier(image_shape="pad", epochs=1).fit(X, y)
    display = ErrorGalleryDisplay.from_estimator(clf, X, y, ax=panel())
    assert len(display.rows) == 6
    for row, picture in zip(display.rows, display.pictures, strict=True):
        assert picture.shape == clf.image_shape_ == (8, 8, 1)
        np.testing.assert_array_equal(picture.ravel(), [*X[row], *[0] * 14])


def test_another_number_of_images_than_labels_is_refused(digits):
    X, y = digits
    with pytest.raises(ValueError, match="a label for each of 3 images in X, got 2 in y_true"):
        ErrorGalleryDisplay.from_predictions(X[:3], y[:2], np.eye(10)[:2], np.arange(10))
