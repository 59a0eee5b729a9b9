import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from digitcnn.inspection import OcclusionDisplay, occlusion_map


class LooksAtOnePixel:
    """Predicts "ink" with the value of the pixel at (2, 5). Counts its calls."""

    classes_ = np.array(["ink", "paper"])

    def __init__(self):
        self.calls = 0

    def predict_proba(self, X):
        self.calls += 1
        ink = 0.1 + 0.8 * X.reshape(len(X), 8, 10)[:, 2, 5] / 255
        return np.column_stack([ink, 1 - ink])


@pytest.fixture
def inked():
    picture = np.zeros((8, 10), np.uint8)
    picture[1:6, 2:8] = 255
    return picture


@given(patch_size=st.integers(1, 8), stride=st.integers(1, 8))
@settings(max_examples=40)
def test_only_patches_that_hide_what_is_looked_at_matter(patch_size, stride):
    picture = np.full((8, 10), 255, np.uint8)
    picture[[0, -1]] = picture[:, [0, -1]] = 0
    stride = min(stride, patch_size)
    clf = LooksAtOnePixel()
    drop = occlusion_map(clf, picture, patch_size=patch_size, stride=stride, log=False)
    assert clf.calls == 1
    assert drop.shape == (8, 10)
    # Each patch over (2, 5) reduces the probability by 0.8, so the map's maximum is there.
    assert drop[2, 5] == pytest.approx(0.8)
    assert drop.min() >= 0
    assert drop.max() == pytest.approx(0.8)
    rows, columns = np.indices(drop.shape)
    far = (abs(rows - 2) >= patch_size) | (abs(columns - 5) >= patch_size)
    np.testing.assert_allclose(drop[far], 0, atol=1e-12)


def test_drop_is_that_of_the_logarithm_of_the_label_asked_for(inked):
    clf = LooksAtOnePixel()
    drop = occlusion_map(clf, inked, patch_size=1)
    assert drop[2, 5] == pytest.approx(np.log(0.9) - np.log(0.1))
    other = occlusion_map(clf, inked, patch_size=1, label="paper")
    assert other[2, 5] == pytest.approx(np.log(0.1) - np.log(0.9))


def test_what_is_hidden_looks_like_the_paper_of_light_and_of_dark_pictures(inked):
    clf = LooksAtOnePixel()
    light = occlusion_map(clf, inked, patch_size=1, label="ink", log=False)
    dark = occlusion_map(clf, 255 - inked, patch_size=1, label="ink", log=False)
    np.testing.assert_allclose(dark, -light)
    filled = occlusion_map(clf, inked, patch_size=1, fill=51, log=False)
    assert filled[2, 5] == pytest.approx(0.8 - 0.8 * 0.2)


def test_copies_have_the_form_and_type_in_which_the_image_was_given(inked):
    seen = []

    class Recorder(LooksAtOnePixel):
        def predict_proba(self, X):
            seen.append((X.shape[1:], X.dtype))
            return super().predict_proba(X)

    before = inked.copy()
    as_picture = occlusion_map(Recorder(), inked)
    as_row = occlusion_map(Recorder(), inked.ravel(), image_shape=(8, 10))
    with_channel = occlusion_map(Recorder(), inked[..., None])
    assert [shape for shape, _ in seen] == [(8, 10), (80,), (8, 10, 1)]
    assert {dtype for _, dtype in seen} == {np.dtype(np.uint8)}
    np.testing.assert_array_equal(as_picture, as_row)
    np.testing.assert_array_equal(as_picture, with_channel)
    np.testing.assert_array_equal(inked, before)


def test_large_image_is_read_a_bounded_number_of_copies_at_a_time():
    most = []

    class Counter:
        classes_ = np.array(["light", "dark"])

        def predict_proba(self, X):
            most.append(X.nbytes)
            light = X.reshape(len(X), -1).mean(axis=1) / 255
            return np.column_stack([light, 1 - light])

    picture = np.full((96, 96), 255, np.uint8)
    picture[0] = picture[-1] = picture[:, 0] = picture[:, -1] = 0
    drop = occlusion_map(Counter(), picture, patch_size=4, log=False)
    assert len(most) > 1
    assert max(most) <= 512 * 784
    # Each patch inside has the same effect; along the dark border the effect is smaller.
    assert drop[48, 48] == pytest.approx(16 / picture.size)
    assert drop[0, 0] < drop[48, 48]


def test_network_reads_a_digit_by_its_ink(fitted, digits):
    """Hiding background changes nothing; only hidden foreground matters."""
    rows = digits[0][1200:1500]
    row = rows[fitted.predict_proba(rows).max(axis=1).argmin()]
    drop = occlusion_map(fitted, row, patch_size=1)
    is_paper = row.reshape(8, 8) == 0
    np.testing.assert_allclose(drop[is_paper], 0, atol=1e-5)
    assert drop[~is_paper].max() > 0.01


def test_pipelines_of_any_classifier_are_asked(digits):
    X, y = digits
    pipeline = make_pipeline(MinMaxScaler(), GaussianNB()).fit(X, y)
    drop = occlusion_map(pipeline, X[0], patch_size=2)
    assert drop.shape == (8, 8)
    assert np.isfinite(drop).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"patch_size": 9}, "expected patch_size from 1 to 8, got 9"),
        ({"patch_size": 0}, "expected patch_size from 1 to 8, got 0"),
        ({"patch_size": 2, "stride": 3}, "expected stride from 1 to 2, the patch's size, got 3"),
        ({"label": "blot"}, "label to be one of .*'ink', 'paper'.*, got 'blot'"),
    ],
)
def test_bad_parameters_are_refused(inked, parameters, message):
    with pytest.raises(ValueError, match=message):
        occlusion_map(LooksAtOnePixel(), inked, **parameters)


def test_display_shows_the_map_evenly_about_no_change(inked):
    figure = Figure(layout="constrained")
    display = OcclusionDisplay.from_estimator(LooksAtOnePixel(), inked, ax=figure.subplots())
    np.testing.assert_allclose(display.im_.get_array(), display.occlusion)
    low, high = display.im_.get_clim()
    assert low == -high == -np.abs(display.occlusion).max()
    assert display.label == "ink"
    assert "ink" in display.ax_.get_title()
    assert len(figure.axes) == 2
    figure.draw_without_rendering()


def test_blank_picture_and_a_map_of_zeros_can_be_drawn():
    figure = Figure()
    blank = np.zeros((8, 10), np.uint8)
    display = OcclusionDisplay.from_estimator(
        LooksAtOnePixel(), blank, colorbar=False, ax=figure.subplots()
    )
    assert not display.occlusion.any()
    figure.draw_without_rendering()
    assert len(figure.axes) == 1
