import cv2
import numpy as np
import pytest

from digitcnn.reading.rulings import Rulings, erased, find_rulings
from number_sheets import compose, on_paper
from ruled_sheets import bent, grid_sheet

TABLE = ["123456", "789012", "345678"]


def lined(ink, every=60, first=72, shade=120, thick=2):
    """Ruled paper: lines through the feet of the digits."""
    picture = on_paper(ink)
    for y in range(first, len(ink) - 5, every):
        picture[y : y + thick] = np.minimum(picture[y : y + thick], shade)
    return picture[..., None]


def shifted(pixels, slope):
    """Each column moved down by a part of its place."""
    return np.stack(
        [np.roll(pixels[:, x], round(slope * x), axis=0) for x in range(pixels.shape[1])], axis=1
    )


@pytest.mark.parametrize("slope", [-0.2, -0.07, 0.0, 0.13, 0.25])
def test_tilted_lines_are_found_where_they_are(slope):
    picture = np.full((400, 500, 1), 220, np.uint8)
    picture[180:182, 20:480] = 90
    (line,) = find_rulings(shifted(picture, slope)).level
    assert line.length == pytest.approx(460, abs=12)
    for x in (60, 250, 440):
        assert line.curve(x) == pytest.approx(180.5 + slope * x, abs=2)


def test_bent_lines_of_a_grid_are_found_in_both_directions():
    picture = bent(grid_sheet(TABLE), 14)
    rulings = find_rulings(picture)
    assert (len(rulings.level), len(rulings.upright)) == (4, 7)
    assert [line.middle for line in rulings.upright] == pytest.approx(
        [50 + 60 * i for i in range(7)], abs=3
    )


def test_interrupted_line_is_one():
    picture = np.full((300, 900, 1), 230, np.uint8)
    picture[150:152, 40:860] = 100
    picture[:, 300:330] = picture[:, 500:560] = 230
    (line,) = find_rulings(picture).level
    assert (line.start, line.stop) == (pytest.approx(40, abs=12), pytest.approx(860, abs=12))


def test_digits_alone_have_no_lines():
    rulings = find_rulings(on_paper(compose(["1111111", "7777777", "1471471"]))[..., None])
    assert (rulings.level, rulings.upright) == ([], [])


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3), (60, 60)])
def test_picture_of_any_size_and_one_shade_has_no_lines(shape):
    rulings = find_rulings(np.full((*shape, 3), 77, np.uint8))
    assert (rulings.level, rulings.upright) == ([], [])


@pytest.mark.parametrize("thick", [1, 2, 3])
@pytest.mark.parametrize("slope", [0.0, 0.05])
def test_lines_are_erased_without_the_strokes_that_cross_them(thick, slope):
    ink = compose(["31415 92653"], margin=60)
    clean = shifted(on_paper(ink)[..., None], slope)
    picture = shifted(lined(ink, first=70, thick=thick), slope)
    rulings = find_rulings(picture)
    assert len(rulings.level) >= 1
    found = erased(picture, rulings).astype(int)
    is_ink = clean < 150
    is_blank = cv2.dilate(is_ink.astype(np.uint8), np.ones((7, 7)))[..., None] == 0
    # What is left of the lines, away from the digits, and what is gone of the digits.
    assert ((found < 180) & is_blank).sum() < 0.01 * ((picture < 180) & is_blank).sum()
    assert ((found > 180) & is_ink).sum() < 0.03 * is_ink.sum()


def test_picture_without_lines_is_not_changed():
    picture = on_paper(compose(["27"]))[..., None]
    rulings = find_rulings(picture)
    assert erased(picture, Rulings([], [], rulings.mask)) is picture


def test_lines_in_colour_are_erased_to_the_colour_of_the_paper():
    picture = np.full((300, 500, 3), (240, 230, 190), np.uint8)
    picture[100:102] = (120, 150, 220)
    picture[200:202] = (120, 150, 220)
    found = erased(picture, find_rulings(picture))
    assert np.abs(found.astype(int) - (240, 230, 190)).max() < 12
