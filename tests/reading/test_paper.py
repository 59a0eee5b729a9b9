import cv2
import numpy as np
import pytest

from digitcnn.reading.paper import find_paper, sheet_size
from number_sheets import compose, on_paper
from ruled_sheets import grid_sheet, seen_from

CORNERS = [[150, 90], [560, 120], [600, 420], [110, 380]]


def desk(kind, height=500, width=700):
    rng = np.random.default_rng(0)
    rows, columns = np.indices((height, width))
    if kind == "plain":
        return np.full((height, width, 1), 70, np.uint8)
    if kind == "grain":
        grain = cv2.GaussianBlur(rng.normal(0, 60, (height, width)).astype(np.float32), (0, 0), 2)
        return (90 + 4 * grain).clip(0, 200).astype(np.uint8)[..., None]
    if kind == "wood":
        waves = np.sin(rows / 9 + 3 * np.sin(columns / 120))
        return (
            np.stack([c + 18 * waves for c in (110, 75, 40)], axis=2).clip(0, 255).astype("uint8")
        )
    cloth = np.array([90, 160, 170]) + rng.normal(0, 10, (height, width, 1))
    return cloth.clip(0, 255).astype(np.uint8)


def on_desk(sheet, ground, corners=CORNERS):
    """A sheet on a desk, with its shadow."""
    height, width, channels = ground.shape
    seen, _ = seen_from(sheet, corners, width, height, 0)
    covered, _ = seen_from(np.full_like(sheet, 255), corners, width, height, 0)
    covered = covered[..., :1].astype(np.float32) / 255
    shadow = cv2.GaussianBlur(np.roll(covered[..., 0], (6, -9), axis=(0, 1)), (0, 0), 7)
    found = ground * (1 - 0.4 * shadow[..., None]) * (1 - covered) + seen * covered
    return np.repeat(found, 3, 2)[..., :3].astype(np.uint8) if channels == 1 else found.astype("u1")


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
