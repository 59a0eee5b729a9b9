import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.pipeline import make_pipeline

from conftest import make_classifier
from digitcnn import DigitNormalizer
from digitcnn.inspection import DigitGridDisplay, DistortionDisplay


def panel():
    return Figure().subplots()


def test_grid_shows_images_of_each_class_in_its_row_and_their_counts(digits):
    X, y = digits
    display = DigitGridDisplay.from_data(X, y, n_columns=7, ax=panel())
    assert display.classes.tolist() == list(range(10))
    assert display.counts.tolist() == np.bincount(y).tolist()
    own = {label: {row.tobytes() for row in X[y == label]} for label in range(10)}
    for label, row in enumerate(display.pictures):
        assert len({picture.tobytes() for picture in row}) == 7
        assert all(picture.tobytes() in own[label] for picture in row)
    widths = [bar.get_width() for bar in display.bars_]
    assert widths == display.counts.tolist()
    assert [text.get_text() for text in display.axes_[0].get_yticklabels()] == list("0123456789")
    # The bars are beside their rows.
    rows = [image.get_extent()[3] + 0.5 for image in display.images_[::7]]
    np.testing.assert_allclose([bar.get_y() + bar.get_height() / 2 for bar in display.bars_], rows)


def test_grid_takes_labels_of_any_kind_and_few_images_of_a_class(digits):
    X, y = digits
    names = np.array([f"d{i}" for i in y[:30]], dtype="U20")
    names[0] = "one of a kind"
    display = DigitGridDisplay.from_data(X[:30].reshape(-1, 8, 8), names, n_columns=9, ax=panel())
    assert dict(zip(display.classes, map(len, display.pictures), strict=True)) == {
        **{f"d{i}": 3 for i in range(1, 10)},
        "d0": 2,
        "one of a kind": 1,
    }


def test_grid_spreads_over_the_data(digits):
    X = digits[0][:101]
    row = DigitGridDisplay.from_data(X, np.zeros(101), n_columns=3, ax=panel()).pictures[0]
    np.testing.assert_array_equal(np.reshape(row, (3, 64)), X[[0, 50, 100]])


def test_grid_refuses_another_number_of_labels(digits):
    with pytest.raises(ValueError, match="a label for each of 5 images in X, got 4 in y"):
        DigitGridDisplay.from_data(digits[0][:5], digits[1][:4])


def test_nothing_is_distorted_where_the_parameters_say_so(fitted, digits):
    display = DistortionDisplay.from_estimator(fitted, digits[0][3], n=5, ax=panel())
    expected = digits[0][3].reshape(8, 8, 1) / 255
    np.testing.assert_allclose(display.picture, expected, atol=1e-6)
    np.testing.assert_allclose(display.distorted, np.stack([expected] * 5), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "keeps_middle"),
    [({"rotation_range": 90.0}, True), ({"shift_range": 0.3, "fill_mode": "constant"}, False)],
)
def test_distortions_are_those_of_the_estimators_parameters(parameters, keeps_middle):
    """A dot in the middle stays there when turned, and wanders, but not too far, when shifted."""
    dot = np.zeros((21, 21), np.uint8)
    dot[10, 10] = 255
    clf = make_classifier(**parameters)
    display = DistortionDisplay.from_estimator(clf, dot, n=60, random_state=0, ax=panel())
    distorted = display.distorted[..., 0]
    places = np.indices((21, 21)).reshape(2, -1)
    centres = (distorted.reshape(60, -1) @ places.T) / distorted.sum(axis=(1, 2))[:, None]
    away = np.abs(centres - 10)
    if keeps_middle:
        assert away.max() < 1e-3
    else:
        assert 0.25 * 21 < away.max() < 0.3 * 21 + 0.01


@pytest.mark.slow
def test_corruption_rate_is_the_part_of_the_images_that_looks_worse(digits):
    changed = {}
    for rate in (0.0, 0.2, 1.0):
        clf = make_classifier(corruption_rate=rate)
        display = DistortionDisplay.from_estimator(
            clf, digits[0][0], n=400, n_columns=20, random_state=1, ax=panel()
        )
        differs = (np.abs(display.distorted - display.picture) > 1e-6).any(axis=(1, 2, 3))
        changed[rate] = differs.mean()
    # Some of the random changes are zero.
    assert changed[0.0] == 0
    assert 0.8 < changed[1.0] < 1
    assert changed[0.2] == pytest.approx(0.2 * changed[1.0], abs=0.06)


def test_distortions_of_a_seed_are_the_same_and_those_of_another_are_not(digits):
    clf = make_classifier(rotation_range=20.0, elastic_alpha=10.0)

    def distorted(seed):
        display = DistortionDisplay.from_estimator(
            clf, digits[0][0], n=4, random_state=seed, ax=panel()
        )
        return display.distorted

    np.testing.assert_array_equal(distorted(1), distorted(1))
    assert np.abs(distorted(1) - distorted(2)).max() > 0.1
    assert np.abs(distorted(None) - distorted(None)).max() > 0.1
    assert not hasattr(clf, "image_shape_")


def test_distortions_leave_numpys_global_generator_alone(digits):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    DistortionDisplay.from_estimator(make_classifier(), digits[0][0], n=2, ax=panel())
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_picture_goes_through_the_steps_of_a_pipeline_before_it_is_distorted(digits):
    picture = digits[0][0].reshape(8, 8)
    normalizer = DigitNormalizer().fit(picture[None])
    pipeline = make_pipeline(normalizer, make_classifier())
    display = DistortionDisplay.from_estimator(pipeline, picture, n=2, ax=panel())
    expected = normalizer.transform(picture[None]).reshape(28, 28, 1) / 255
    np.testing.assert_allclose(display.picture, expected, atol=1e-6)


def test_images_in_the_axes_are_the_picture_and_its_distortions(digits):
    clf = make_classifier(rotation_range=20.0)
    display = DistortionDisplay.from_estimator(clf, digits[0][0], n=5, n_columns=3, ax=panel())
    shown = [image.get_array() for image in display.images_]
    for image, expected in zip(shown, [display.picture, *display.distorted], strict=True):
        np.testing.assert_allclose(image, expected[..., 0])
    lefts = [image.get_extent()[0] for image in display.images_]
    assert lefts[:3] == lefts[3:]


def test_picture_that_the_network_does_not_take_is_refused(fitted):
    with pytest.raises(ValueError, match="expected images of shape"):
        DistortionDisplay.from_estimator(fitted, np.zeros((9, 9), np.uint8))
