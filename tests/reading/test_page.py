import base64
import io
import json
import math
import pickle
import sys
import xml.etree.ElementTree as ET
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from digitcnn.reading import Digit, Line, Number, Page
from digitcnn.reading.polygons import polygon_around, rectangle


def digit(text="4", confidence=0.9, x=10.0, y=5.0, width=12.0, height=20.0):
    return Digit(text, confidence, rectangle(x, y, width, height))


def turned(polygon, degrees, about=(0.0, 0.0)):
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return tuple(
        (
            about[0] + cos * (x - about[0]) - sin * (y - about[1]),
            about[1] + sin * (x - about[0]) + cos * (y - about[1]),
        )
        for x, y in polygon
    )


@pytest.fixture
def page():
    number = Number((digit("4"), digit("2", 0.5, x=26)))
    return Page((Line((number, Number((digit("7", x=60),)))), Line((number,))), 100, 50)


def test_parts_of_a_page_share_text_confidence_and_places(page):
    line = page.lines[0]
    assert (page.text, line.text, line.numbers[0].text) == ("42 7\n42", "42 7", "42")
    assert line.confidence == pytest.approx(0.9 * 0.5 * 0.9)
    assert page.confidence == pytest.approx(line.confidence * 0.45)
    assert line.numbers[0].box == (10, 5, 28, 20)
    assert line.box == (10, 5, 62, 20)
    assert page.box == (0, 0, 100, 50)
    assert page.masked(0.6) == "4? 7\n4?"
    assert Page((), 3, 2).confidence == 1.0


def test_number_has_a_confidence_of_its_own_if_it_is_given():
    digits = digit(confidence=0.9), digit(confidence=0.8)
    assert Number(digits).confidence == pytest.approx(0.72)
    number = Number(digits, 0.6)
    assert number.confidence == 0.6
    assert Line((number, number)).confidence == pytest.approx(0.36)


@given(
    degrees=st.sampled_from([0, 90, 180, 270]) | st.floats(-180, 180),
    widths=st.lists(st.floats(1, 40), min_size=1, max_size=5),
)
def test_polygon_of_a_number_is_turned_as_its_digits_are(degrees, widths):
    x, polygons = 5.0, []
    for width in widths:
        polygons.append(turned(rectangle(x, 20, width, 30), degrees))
        x += width + 3
    around = polygon_around(polygons)
    expected = turned(rectangle(5, 20, x - 3 - 5, 30), degrees)
    for one, other in zip(around, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-9 + 1e-9 * x)


def test_box_is_around_a_turned_digit():
    one = Digit("1", 1.0, turned(rectangle(0, 0, 10, 20), 90))
    assert one.box == pytest.approx((-20, 0, 20, 10))


def test_polygon_of_digits_of_no_size_is_upright():
    assert polygon_around([((3.0, 4.0),) * 4]) == ((3.0, 4.0),) * 4


def test_page_as_data_has_boxes_and_polygons(page):
    described = json.loads(page.to_json())
    assert described == page.to_dict()
    line = described["lines"][0]
    number = line["numbers"][0]
    one = number["digits"][1]
    assert one["polygon"] == [[26, 5], [38, 5], [38, 25], [26, 25]]
    assert one["box"] == [26, 5, 12, 20]
    assert number["polygon"] == [[10, 5], [38, 5], [38, 25], [10, 25]]
    assert line["confidence"] == 0.405
    assert list(described) == ["width", "height", "text", "confidence", "lines"]


def test_parts_are_frozen_and_pickled(page):
    for part in (page, page.lines[0], page.lines[0].numbers[0], page.lines[0].numbers[0].digits[0]):
        assert pickle.loads(pickle.dumps(part)) == part
        assert hash(pickle.loads(pickle.dumps(part))) == hash(part)
        with pytest.raises(FrozenInstanceError):
            setattr(part, fields(part)[0].name, None)


def test_turned_digits_are_drawn_where_they_are_and_separators_without_ink_are_not():
    polygon = turned(rectangle(40, 40, 20, 40), 45, (50, 60))
    blank = Digit("-", 1.0, rectangle(10, 50, 0, 20))
    image = Page((Line((Number((Digit("1", 0.99, polygon), blank)),)),), 100, 120).draw()
    for x, y in polygon:
        around = image.crop((round(x) - 1, round(y) - 1, round(x) + 2, round(y) + 2))
        assert any(low < 255 for low, _ in around.getextrema())
    assert image.getpixel((40, 40)) == (255, 255, 255)
    assert image.getpixel((10, 60)) == (255, 255, 255)


def test_separators_without_ink_are_not_drawn_on_turned_pages_either():
    diagonal = Digit("-", 1.0, ((10.0, 10.0), (10.0, 10.0), (40.0, 40.0), (40.0, 40.0)))
    image = Page((Line((Number((digit(x=60), diagonal)),)),), 100, 60).draw()
    assert image.getpixel((25, 25)) == (255, 255, 255)


@pytest.fixture
def pyplot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


def test_plot_has_the_picture_and_a_frame_for_each_digit_in_its_pixels(page, pyplot):
    shrunk = np.full((25, 50, 1), 200, np.uint8)
    pictured = Page(page.lines, page.width, page.height, shrunk)
    ax = pictured.plot(min_confidence=0.6)
    assert ax.images[0].get_extent() == [0, 100, 50, 0]
    corners = {tuple(map(tuple, patch.get_xy()[:4].tolist())) for patch in ax.patches}
    digits = [one for line in page.lines for number in line.numbers for one in number.digits]
    assert corners == {one.polygon for one in digits}
    assert [text.get_text() for text in ax.texts] == ["4", "2", "7", "4", "2"]
    assert ax.texts[0].get_color() != ax.texts[1].get_color()
    assert ax.texts[0].get_color() == ax.texts[2].get_color()


def test_plot_takes_axes_and_a_page_without_its_picture(page, pyplot):
    figure, ax = pyplot.subplots()
    assert page.plot(ax) is ax
    assert not ax.images
    assert ax.get_ylim() == (50, 0)
    figure.canvas.draw()


def test_plot_without_matplotlib_is_refused(page, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"digitcnn\[plots\]"):
        page.plot()


def test_notebook_shows_the_picture_in_bounded_size_with_its_text():
    pixels = np.random.default_rng(0).integers(0, 256, (1000, 1600, 3), np.uint8)
    odd = Line((Number((digit("<"), digit('"', x=30), digit("&", x=50))),))
    shown = Page((odd,), 3200, 2000, pixels)._repr_html_()
    figure = ET.fromstring(shown)
    image = figure.find("img")
    assert image.get("alt").endswith('<"&')
    assert figure.find("figcaption/pre").text == '<"&'
    content = base64.b64decode(image.get("src").partition("base64,")[2])
    assert Image.open(io.BytesIO(content)).size == (800, 500)
    assert (image.get("width"), image.get("height")) == ("800", "500")
    assert "no number found" in Page((), 30, 20)._repr_html_()
