"""The drawings that the model in the wheel is trained on."""

import sys
from importlib import import_module
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from conftest import ROOT

FOLDER = ROOT / "benchmarks" / "pretrained"


@pytest.fixture(scope="module")
def scripts():
    """The modules of the folder, which import each other by their bare names."""
    names = ("strokes", "captures", "fonts", "no_digits", "pictures")
    sys.path.insert(0, str(FOLDER))
    try:
        yield SimpleNamespace(**{name: import_module(name) for name in names})
    finally:
        sys.path.remove(str(FOLDER))
        for name in names:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def drawings(scripts):
    rng = np.random.default_rng(0)
    return [scripts.strokes.draw_digit(digit, rng) for digit in range(10) for _ in range(6)]


def test_every_form_is_drawn_inside_its_picture(scripts):
    rng = np.random.default_rng(0)
    for forms in scripts.strokes.FORMS:
        for form, _ in forms:
            for _ in range(20):
                drawing = scripts.strokes.draw_strokes(form(rng), 3.0, 0.02, rng)
                assert drawing.dtype == np.uint8
                assert drawing.any()
                assert not drawing[[0, -1]].any()
                assert not drawing[:, [0, -1]].any()


def test_captures_have_something_drawn_in_them_and_the_networks_shape_or_none(scripts, drawings):
    rng = np.random.default_rng(0)
    for form in scripts.captures.KINDS:
        for drawing in drawings:
            one = form(drawing, rng)
            assert one.picture.dtype == np.uint8
            assert np.ptp(one.picture) > 0
            assert one.normalized or one.picture.shape == (28, 28)


def test_what_is_no_digit_has_the_networks_shape_or_is_normalised(scripts):
    rng = np.random.default_rng(0)
    for draw in (scripts.no_digits.blank, scripts.no_digits.noise):
        for one in (draw(rng) for _ in range(20)):
            assert one.picture.dtype == np.uint8
            assert one.normalized or one.picture.shape == (28, 28)
    assert all(scripts.no_digits.rulings(rng).any() for _ in range(20))


def test_digits_pushed_together_touch(scripts, drawings):
    digits = [scripts.captures.crop(one) for one in drawings]
    digits = [scripts.captures.place(one, 40, 48) for one in digits]
    for left, right in pairwise(digits):
        row = scripts.pictures._pushed_together(left, right, 2)
        n_parts = [ndimage.label(one > 128, np.ones((3, 3)))[1] for one in (left, right, row)]
        assert n_parts[2] < n_parts[0] + n_parts[1]


def test_equal_seeds_draw_equal_data(scripts):
    def drawer(rng):
        digit = int(rng.integers(10))
        drawing = scripts.strokes.draw_digit(digit, rng)
        return scripts.captures.capture(drawing, rng), digit

    first, again, other = (scripts.pictures.draw(40, drawer, (seed,)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
    assert first[0].shape == (40, 784)


def test_what_the_normaliser_loses_is_no_digit(scripts, drawings):
    captures, pictures = scripts.captures, scripts.pictures
    clean = captures.place(captures.crop(drawings[0]), 30, 48)
    lost = captures.Capture(np.full((48, 48), 200, np.uint8), True, clean)
    kept = captures.Capture(255 - clean, True, clean)
    made = iter([(lost, 0), (kept, 0)])
    _, labels = pictures.draw(2, lambda rng: next(made), (0,))
    assert labels.tolist() == [pictures.NO_DIGIT, 0]


def test_fonts_are_free_and_some_of_each_kind_are_held_out(scripts):
    fonts = scripts.fonts.read_record()
    assert {font.licence for font in fonts} == {"OFL-1.1"}
    for kind in ("hand", "type"):
        trained, held_out = scripts.fonts.divide(fonts, kind)
        assert len(trained) >= 40
        assert len(held_out) >= 8
        assert not set(trained) & set(held_out)
