import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from digitcnn.inspection import ConfusionDisplay


def panel():
    return Figure().subplots()


@pytest.fixture(scope="module")
def answers(fitted, digits):
    return digits[1][1200:], fitted.predict(digits[0][1200:])


def test_colours_are_those_of_the_errors_alone(answers):
    y, predicted = answers
    display = ConfusionDisplay.from_predictions(y, predicted, ax=panel())
    matrix = confusion_matrix(y, predicted)
    np.testing.assert_array_equal(display.confusion_matrix, matrix)
    errors = matrix - np.diag(np.diag(matrix))
    assert display.im_.get_clim() == (0, errors.max())
    shown = display.im_.get_array()
    assert shown.mask.diagonal().all()
    assert shown.mask.sum() == 10
    np.testing.assert_array_equal(shown.filled(0), errors)


def test_numbers_stand_for_right_answers_and_errors_but_not_for_none(answers):
    display = ConfusionDisplay.from_predictions(*answers, ax=panel())
    for text, count in zip(display.text_.flat, display.confusion_matrix.flat, strict=True):
        assert text.get_text() == (str(count) if count else "")


def test_every_number_of_errors_is_legible_on_its_colour(answers):
    display = ConfusionDisplay.from_predictions(*answers, ax=panel())
    matrix = display.confusion_matrix
    for i, j in zip(*np.nonzero(matrix), strict=True):
        if i != j:
            ground = np.mean(display.im_.to_rgba(matrix[i, j])[:3])
            ink = np.mean(to_rgb(display.text_[i, j].get_color()))
            assert abs(ground - ink) > 0.4


def test_scikit_learns_parameters_are_taken(fitted, digits):
    X, y = digits[0][1200:], digits[1][1200:]
    display = ConfusionDisplay.from_estimator(
        fitted, X, y, normalize="true", include_values=False, colorbar=False, ax=panel()
    )
    assert display.text_ is None
    np.testing.assert_allclose(display.confusion_matrix.sum(axis=1), 1)
    assert 0 < display.im_.get_clim()[1] < 0.5


def test_matrix_without_errors_can_be_drawn():
    figure = Figure()
    display = ConfusionDisplay.from_predictions([1, 2, 2], [1, 2, 2], ax=figure.subplots())
    figure.draw_without_rendering()
    assert [text.get_text() for text in display.text_.flat] == ["1", "", "", "2"]
