import cv2
import numpy as np
import pytest

from digitcnn.reading.paper import find_paper, sheet_size
from number_sheets import compose, on_paper
from ruled_sheets import CORNERS, desk, grid_sheet, on_desk

SHEETS = {
    "numbers": on_paper(compose(["31415 92653", "58979"]))[..., None],
    "grid": grid_sheet(["123456"] * 5),
    "dim": (on_paper(compose(["31415 92653", "58979"])) * 0.8).astype(np.uint8)[..., None],
}


@pytest.mark.parametrize("kind", ["plain", "grain", "wood", "cloth"])
@pytest.mark.parametrize("sheet", SHEETS)
def test_corners_of_a_sheet_on_a_desk_are_found(kind, sheet):
    found = find_paper(on_desk(SHEETS[sheet], desk(kind)))
    np.testing.assert_allclose(found, CORNERS, atol=9)


def test_corners_are_in_the_pixels_of_a_large_picture():
    picture = on_desk(SHEETS["numbers"], desk("wood"))
    large = cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(find_paper(large), 3 * np.array(CORNERS), atol=27)


def no_sheets():
    rng = np.random.default_rng(0)
    rows, columns = np.indices((400, 500))
    yield "page that fills the picture", on_paper(compose(["31415", "92653"]))
    yield "light digits on dark", 255 - on_paper(compose(["31415", "92653"]))
    yield "thick one", np.where((abs(columns - 250) < 40) & (abs(rows - 200) < 170), 250, 20)
    yield "circle", np.where(np.hypot(rows - 200, columns - 250) < 150, 230, 60)
    yield "blank", np.full((400, 500), 200)
    yield "noise", rng.integers(0, 256, (400, 500))
    yield "half in shadow", np.where(columns > 250, 230, 120)
    yield "dark card", np.where((abs(columns - 250) < 150) & (abs(rows - 200) < 100), 60, 230)
    yield "cut off", np.where((columns > 200) & (abs(rows - 200) < 120), 230, 60)
    yield "small", np.full((20, 30), 200)


@pytest.mark.parametrize(
    "picture", [pytest.param(picture, id=name) for name, picture in no_sheets()]
)
def test_what_is_no_sheet_on_a_desk_has_none(picture):
    assert find_paper(picture.astype(np.uint8)[..., None]) is None


def test_size_of_a_sheet_is_that_of_its_longest_sides():
    assert sheet_size(np.array([[0, 0], [100, 0], [120, 50], [0, 80]])) == (124, 80)
