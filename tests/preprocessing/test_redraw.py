"""Strokes are told from what else photographs have: light, shadows, neighbours, frames, paper."""

import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from digitcnn.preprocessing.redraw import redraw
from test_layout import loaded_after

few = settings(max_examples=40)
N = 40
DIGITS = redraw(load_digits().images[:N]).reshape(N, 28, 28)
# Mean difference of their pixels: it is 25 and more between two digits.
NEAR = 18


def differences(drawn, expected):
    """Of each picture, where a step of one pixel is none: middles are rounded."""
    drawn, expected = (np.reshape(x, (-1, 28, 28)).astype(int) for x in (drawn, expected))
    steps = [np.roll(drawn, (i, j), axis=(1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return np.min([np.abs(step - expected).mean(axis=(1, 2)) for step in steps], axis=0)


def written(index, height=100, side=200, place=(0.5, 0.5)):
    """How much a pen covers each pixel of a square sheet, 0..1."""
    large = cv2.resize(DIGITS[index], (height, height), interpolation=cv2.INTER_CUBIC)
    strokes = cv2.GaussianBlur((large > 100).astype(np.float32), (0, 0), 0.8)
    cover = np.zeros((side, side), np.float32)
    top, left = (round(part * (side - height)) for part in place)
    cover[top : top + height, left : left + height] = strokes
    return cover


def photographed(cover, light=1.0, paper=0.9, ink=0.2, noise=0.008, seed=0):
    """A picture in bytes of what is written on paper, in some light."""
    grey = (paper + (ink - paper) * cover) * light
    grey = grey + np.random.default_rng(seed).normal(0, noise, cover.shape)
    return np.rint(255 * np.clip(grey, 0, 1)).astype(np.uint8)


def even(index):
    """A digit as it is drawn from a picture in even light."""
    return redraw([255 - photographed(written(index), noise=0)])[0]


def lamp(side, row, column, fall):
    rows, columns = np.indices((side, side)) / side
    return 1 - fall * np.hypot(rows - row, columns - column) ** 1.5


def shadow(side, angle, offset, soft, depth):
    rows, columns = np.indices((side, side)) / side
    beyond = (rows - 0.5) * np.sin(angle) + (columns - 0.5) * np.cos(angle) - offset
    return 1 - depth / (1 + np.exp(-np.clip(beyond / soft, -30, 30)))


@given(
    index=st.integers(0, N - 1),
    height=st.integers(70, 140),
    place=st.tuples(st.floats(0.25, 0.75), st.floats(0.25, 0.75)),
    light=st.tuples(st.floats(0.2, 0.8), st.floats(0.2, 0.8), st.floats(0, 0.7)),
    paper=st.floats(0.6, 0.95),
    ink=st.floats(0, 0.3),
    dark=st.booleans(),
)
@few
def test_lamp_light_paper_pen_place_and_polarity_do_not_matter(
    index, height, place, light, paper, ink, dark
):
    cover = written(index, height, place=place)
    paper, ink = (paper, ink) if dark else (ink, paper)
    picture = photographed(cover, lamp(200, *light), paper, ink)
    assert differences(redraw([picture]), even(index))[0] < NEAR


def test_edges_of_shadows_hardly_matter():
    rng = np.random.default_rng(0)
    off = []
    for index in range(N):
        for _ in range(3):
            angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
            light = shadow(200, angle, offset, rng.uniform(0.002, 0.02), rng.uniform(0.2, 0.6))
            off.append(differences(redraw([photographed(written(index), light)]), even(index))[0])
    assert np.mean(np.less(off, NEAR)) > 0.9


@given(index=st.integers(0, N - 1), side=st.sampled_from([40, 90, 300, 700]), dark=st.booleans())
@few
def test_size_of_the_picture_does_not_matter(index, side, dark):
    picture = cv2.resize(photographed(written(index), noise=0), (side, side), interpolation=3)
    assert differences(redraw([picture if dark else 255 - picture]), even(index))[0] < NEAR


@pytest.mark.parametrize("index", range(10))
def test_neighbours_that_reach_into_the_picture_are_left_out(index):
    cover = written(index)
    alone = redraw([photographed(cover, lamp(200, 0.3, 0.6, 0.5))])
    cover[40:160, :12] = 1
    cover[50:150, -14:-4] = 1
    cover[50:60, -30:] = 1
    crowded = redraw([photographed(cover, lamp(200, 0.3, 0.6, 0.5))])
    assert differences(crowded, alone)[0] < NEAR


@pytest.mark.parametrize("index", range(10))
@pytest.mark.parametrize("corner", [(8, 10), (1, 20)])
def test_frame_around_a_digit_is_left_out(index, corner):
    cover = written(index)
    alone = redraw([photographed(cover)])
    cv2.rectangle(cover, corner, (190, 185), 0.9, 2)
    assert differences(redraw([photographed(cover)]), alone)[0] < NEAR


@pytest.mark.parametrize("index", range(10))
def test_fainter_rulings_are_left_out(index):
    cover = written(index)
    rulings = np.zeros_like(cover)
    rulings[20::45] = 0.3
    rulings[:, 15::60] = 0.3
    ruled = photographed(np.maximum(cover, rulings), lamp(200, 0.5, 0.4, 0.4))
    assert differences(redraw([ruled]), even(index))[0] < NEAR


@pytest.mark.parametrize("index", range(10))
def test_strokes_of_the_papers_luminance_are_seen_by_their_colour(index):
    cover = written(index)[..., None]
    orange, blue = np.array([0.85, 0.55, 0.35]), np.array([0.35, 0.65, 0.7])
    picture = (orange + (blue - orange) * cover) * lamp(200, 0.4, 0.5, 0.5)[..., None]
    picture = np.rint(255 * picture).astype(np.uint8)
    assert differences(redraw([picture]), even(index))[0] < NEAR


def test_parts_of_a_broken_digit_stay_together():
    five = np.zeros((100, 100), np.uint8)
    cv2.line(five, (35, 30), (33, 50), 255, 5)
    cv2.ellipse(five, (42, 64), (16, 16), 0, -120, 120, 255, 5)
    alone = redraw([five])[0]
    cv2.line(five, (52, 24), (75, 24), 255, 5)
    with_bar = redraw([five])[0].reshape(28, 28)
    assert with_bar[:9, 15:].max() > 128
    assert differences(with_bar, alone)[0] > 5


BLANK = {
    "one shade": lambda rng: np.full((28, 28), 200, np.uint8),
    "noise": lambda rng: rng.integers(0, 256, (28, 28)).astype(np.uint8),
    "large noise": lambda rng: rng.integers(0, 256, (300, 200)).astype(np.uint8),
    "normal noise": lambda rng: rng.normal(size=(40, 40)),
    "specks": lambda rng: (255 * (rng.random((200, 200)) < 0.01)).astype(np.uint8),
    "colours": lambda rng: rng.integers(0, 256, (60, 60, 3)).astype(np.uint8),
    "paper": lambda rng: photographed(np.zeros((200, 200)), noise=0.02, seed=rng.integers(99)),
    "grain": lambda rng: (
        170 + 8 * cv2.GaussianBlur(rng.normal(0, 6, (200, 200)), (0, 0), 3)
    ).astype(np.uint8),
    "lamp light": lambda rng: photographed(
        np.zeros((200, 200)), lamp(200, *rng.uniform(0.2, 0.8, 2), 0.6), seed=rng.integers(99)
    ),
    "black": lambda rng: np.rint(np.abs(rng.normal(0, 2, (50, 50)))).astype(np.uint8),
}


@pytest.mark.parametrize("kind", BLANK)
def test_pictures_without_a_digit_are_all_zeros(kind):
    rng = np.random.default_rng(0)
    found = redraw([BLANK[kind](rng) for _ in range(50)]).any(axis=1)
    assert found.mean() <= 0.02


@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e-3, 1e20, 1e38, 1e300])
def test_pixels_of_any_magnitude_are_drawn_alike(index, scale):
    picture = (255 - photographed(written(index), noise=0)).astype(np.float64)
    expected = redraw([picture])[0].astype(int)
    for given_ in (picture * scale, picture * -scale):
        assert differences(redraw([given_]), expected)[0] < 1
    if 1e-30 <= scale <= 1e30:
        assert differences(redraw([(picture * scale).astype(np.float32)]), expected)[0] < 1


@pytest.mark.parametrize("index", range(5))
def test_pixels_of_any_type_are_drawn_alike(index):
    picture = 255 - photographed(written(index), noise=0)
    expected = redraw([picture])[0]
    for dtype in (np.int16, np.int64, np.uint64, np.float16, np.float32, np.longdouble):
        assert differences(redraw([picture.astype(dtype)]), expected)[0] < 1
    assert differences(redraw([257 * picture.astype(np.uint16)]), expected)[0] < 1
    mask = picture > 128
    np.testing.assert_array_equal(redraw([mask]), redraw([mask.astype(np.uint8)]))


def test_pictures_are_not_written_to():
    pictures = [photographed(written(0)), photographed(written(1)).astype(np.float64)]
    pictures.append(np.dstack([pictures[0]] * 4))
    before = [picture.copy() for picture in pictures]
    for picture in pictures:
        picture.setflags(write=False)
    redraw(pictures)
    for picture, as_it_was in zip(pictures, before, strict=True):
        np.testing.assert_array_equal(picture, as_it_was)


def test_threads_draw_the_same_as_one_after_the_other():
    pictures = [photographed(written(i), lamp(200, 0.3, 0.6, 0.5)) for i in range(N)]
    expected = redraw(pictures)
    with ThreadPoolExecutor(4) as pool:
        drawn = np.concatenate(list(pool.map(lambda picture: redraw([picture]), pictures)))
    np.testing.assert_array_equal(drawn, expected)


def test_photograph_of_12_megapixels_takes_a_fraction_of_a_second():
    small = photographed(written(0), lamp(200, 0.3, 0.6, 0.5))
    large = cv2.resize(np.dstack([small] * 3), (4000, 3000))
    start = time.process_time()
    drawn = redraw([large])
    assert time.process_time() - start < 0.3
    assert drawn.any()


@pytest.mark.slow
def test_pictures_are_redrawn_without_scikit_learn_scipy_and_keras():
    code = (
        "import numpy\nfrom digitcnn.preprocessing.redraw import redraw\n"
        "redraw(numpy.eye(28)[None])"
    )
    heavy = ("sklearn", "scipy", "pandas", "keras", "tensorflow", "matplotlib")
    assert loaded_after(code, *heavy) == []
