import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from conftest import make_classifier
from digitcnn.inspection._drawing import (
    are_pictures,
    draw_picture,
    limits_of,
    need_matplotlib,
    network_of,
    open_stacked_axes,
    pictures_of,
    split_pipeline,
)


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        ImportError, match=r'SomeDisplay.plot needs matplotlib, .* "digitcnn\[plots\]"'
    ):
        need_matplotlib("SomeDisplay.plot")


def test_one_of_a_figures_axes_is_divided_within_its_place():
    _, right = Figure().subplots(1, 2)
    stacked = open_stacked_axes(right, [3.0, 1.0], (5, 5))
    assert not right.axison
    top, bottom = (ax.get_position() for ax in stacked)
    assert top.y0 > bottom.y1
    assert top.height > 2 * bottom.height
    for place in (top, bottom):
        assert place.x0 >= right.get_position().x0
    stacked[0].set_xlim(3, 7)
    assert stacked[1].get_xlim() == (3, 7)


def test_axes_of_ones_own_are_taken_as_they_are():
    axes = Figure().subplots(2, 1)
    assert list(open_stacked_axes(axes, [1.0, 1.0], (5, 5))) == list(axes)


def test_axes_that_do_not_fit_are_refused():
    figure = Figure()
    with pytest.raises(ValueError, match="expected 3 axes, or one to divide, got 2"):
        open_stacked_axes(figure.subplots(2, 1), [1.0, 1.0, 1.0], (5, 5))
    with pytest.raises(ValueError, match=r"cannot be divided\. Pass 3 axes"):
        open_stacked_axes(figure.add_axes((0, 0, 1, 1)), [1.0, 1.0, 1.0], (5, 5))


def test_rows_and_pictures_become_the_same_pictures(digits):
    rows = digits[0][:5]
    expected = rows.reshape(5, 8, 8, 1)
    for form in (rows, rows.tolist(), rows.reshape(5, 8, 8), expected):
        np.testing.assert_array_equal(pictures_of(form), expected)
    assert pictures_of(rows, (4, 16)).shape == (5, 4, 16, 1)
    assert pictures_of(rows, (4, 4, 4)).shape == (5, 4, 4, 4)


def test_pictures_of_a_list_may_differ_in_size():
    pictures = pictures_of([np.zeros((4, 5)), np.zeros((7, 3))])
    assert [picture.shape for picture in pictures] == [(4, 5), (7, 3)]


def test_rows_that_are_no_pictures_are_refused(digits):
    with pytest.raises(ValueError, match="a square number of pixels, got 65 features"):
        pictures_of(np.zeros((3, 65)))
    with pytest.raises(ValueError, match=r"24 features for image_shape=\(3, 8\), got 64"):
        pictures_of(digits[0], (3, 8))


def test_pictures_are_told_from_rows(frame):
    assert are_pictures(np.zeros((2, 3, 3)))
    assert are_pictures([np.zeros((3, 3)), np.zeros((4, 4))])
    assert not any(map(are_pictures, (np.zeros((2, 9)), [[0] * 9], frame, "a.csv", [])))


def test_last_step_of_a_pipeline_is_given_what_the_others_make(digits):
    X, y = digits
    pipeline = make_pipeline(StandardScaler(), FunctionTransformer(np.abs), GaussianNB())
    pipeline.fit(X, y)
    last, given = split_pipeline(pipeline, X)
    np.testing.assert_array_equal(last.predict_proba(given), pipeline.predict_proba(X))
    assert split_pipeline(make_pipeline(last), X)[1] is X
    assert split_pipeline(last, X) == (last, X)


def test_network_is_found_in_a_pipeline_and_nowhere_else():
    clf = make_classifier()
    assert network_of(clf) is network_of(make_pipeline(StandardScaler(), clf)) is clf
    with pytest.raises(TypeError, match=r"expected a DigitCNNClassifier.*, got a GaussianNB"):
        network_of(make_pipeline(clf, GaussianNB()))


@pytest.mark.parametrize(
    ("shape", "extent"),
    [
        ((8, 8), (2, 3, 6, 5)),
        ((8, 4, 1), (2.25, 2.75, 6, 5)),
        ((2, 8, 3), (2, 3, 5.625, 5.375)),
    ],
)
def test_picture_fills_a_unit_square_with_its_proportions_kept(shape, extent):
    picture = np.random.default_rng(0).integers(0, 255, shape)
    drawn = draw_picture(Figure().subplots(), picture, (2, 5), (0, 255), "gray")
    assert drawn.get_extent() == pytest.approx(extent)
    shown = drawn.get_array()
    if len(shape) == 3 and shape[2] == 3:
        np.testing.assert_allclose(shown, picture / 255)
    else:
        np.testing.assert_allclose(shown, picture.reshape(shape[:2]))
        assert drawn.get_clim() == (0, 255)


def test_limits_are_those_of_all_pictures():
    assert limits_of([np.array([[3, 9]]), np.array([[-1.5], [4]])]) == (-1.5, 9.0)
