import numpy as np
import pytest

from digitcnn.reading.views import View


def spotted(places, height=90, width=120):
    """A picture with light spots at points (x, y)."""
    pixels = np.zeros((height, width, 1), np.uint8)
    for x, y in places:
        pixels[y - 2 : y + 3, x - 2 : x + 3] = 255
    return pixels


def spot(pixels):
    rows, columns = np.nonzero(pixels[..., 0] > 100)
    return np.array([[columns.mean(), rows.mean()]]) + 0.5


@pytest.mark.parametrize(
    "change",
    [
        lambda view: view,
        lambda view: view.turned(1),
        lambda view: view.turned(2),
        lambda view: view.turned(3),
        lambda view: view.turned(1).turned(1),
        lambda view: view.rotated(12),
        lambda view: view.rotated(-7).turned(3),
        lambda view: view.straightened(np.array([[10, 5], [110, 12], [100, 80], [15, 85]]), 80, 60),
        lambda view: view.rotated(5).straightened(
            np.array([[20, 20], [110, 22], [112, 80], [25, 78]]), 200, 150
        ),
    ],
)
def test_points_of_a_view_are_found_in_the_picture(change):
    view = change(View.of(spotted([(40, 50)])))
    np.testing.assert_allclose(view.points(spot(view.pixels)), [[40.5, 50.5]], atol=0.8)


def test_quarter_turns_are_clockwise():
    view = View.of(spotted([(10, 80)])).turned(1)
    assert view.pixels.shape == (120, 90, 1)
    np.testing.assert_allclose(spot(view.pixels), [[9.5, 10.5]])


def test_rotation_is_clockwise_and_keeps_all_of_the_picture():
    view = View.of(spotted([(115, 45)])).rotated(10)
    assert (spot(view.pixels)[0] > [115, 55]).all()
    assert view.pixels.shape[0] > 90
    assert view.pixels.shape[1] > 120
    corners = np.array([[0, 0], [120, 0], [120, 90], [0, 90]])
    inside = (np.column_stack([corners, np.ones(4)]) @ np.linalg.inv(view.matrix).T)[:, :2]
    assert (inside > -1).all()
    assert (inside < np.array(view.pixels.shape[1::-1]) + 1).all()
