import copy
import json
import pickle

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from digitcnn import DigitReader
from digitcnn.reading import Form
from form_sheets import FORM, VALUES, draw_form, photograph, place_of
from number_sheets import glyphs

BARE = {key: value for key, value in FORM.items() if key != "anchors"}
TEXTS = {"id": "31415926", "total": "123.45", "phone": "271828182", "born": "290277"}


@pytest.fixture(scope="module")
def reader():
    return DigitReader().load()


@pytest.fixture(scope="module")
def page():
    return draw_form(FORM, VALUES)


@pytest.fixture(scope="module")
def filled(reader, page):
    return Form(FORM, reader).read(page)


def wrong_in(found, values=VALUES, texts=TEXTS):
    """The names of what was misread."""
    wrong = [name for name, text in texts.items() if found.fields[name].text != text]
    cells = [[sign.strip() for sign in row] for row in values["marks"]]
    return wrong + [
        f"marks[{i + 1},{j + 1}]"
        for i, row in enumerate(found.table("marks"))
        for j, text in enumerate(row)
        if text != cells[i][j]
    ]


def changed(number, form=FORM, **more):
    form = copy.deepcopy(form)
    form["fields"][number].update(more)
    return form


@pytest.mark.parametrize(
    "how",
    [
        {"scale": 0.98, "desk": 235},
        {"degrees": 8, "tilt": 0.2},
        {"turns": 1, "degrees": -4, "quality": 50},
        {"turns": 2, "light": 0.5},
        {"turns": 3, "tilt": 0.4},
        {"scale": 0.5},
    ],
)
def test_photos_of_a_form_with_marks_are_read(reader, page, how):
    found = Form(FORM, reader).read(photograph(page, **how))
    assert len(wrong_in(found)) <= 1


@pytest.mark.parametrize(
    "how", [{"degrees": 3, "desk": 235, "size": (1050, 1400), "scale": 0.95}, {"turns": 1}]
)
def test_forms_without_marks_are_read(reader, how):
    page = draw_form(BARE, VALUES)
    assert len(wrong_in(Form(BARE, reader).read(photograph(page, **how)))) <= 1


def test_frame_that_is_itself_the_grid_is_read(reader):
    rows = ["53 678912", "672195348", "198342567", "85976 423", "426853791", "71392485 "]
    sudoku = {
        "size": [90, 60],
        "anchors": {"frame": [0, 0, 90, 60]},
        "fields": [
            {"name": "s", "kind": "grid", "box": [0, 0, 90, 60], "rows": 6, "columns": 9,
             "length": 1}
        ],
    }  # fmt: skip
    drawn = np.pad(draw_form(sudoku, {"s": rows}, zoom=12), 120, constant_values=235)
    found = Form(sudoku, reader).read(photograph(drawn, degrees=5, tilt=0.2, light=0.3))
    texts = [[sign.strip() for sign in row] for row in rows]
    wrong = [one != other for row, right in zip(found.table("s"), texts, strict=True)
             for one, other in zip(row, right, strict=True)]  # fmt: skip
    assert sum(wrong) <= 1


def test_places_are_polygons_in_the_pixels_of_the_picture(reader, page):
    how = {"degrees": 12, "turns": 1, "tilt": 0.2}
    found = Form(FORM, reader).read(photograph(page, **how))
    corners = place_of(page, **how)
    units = np.array([(0, 0), (150, 0), (150, 200), (0, 200)], np.float32)
    matrix = cv2.getPerspectiveTransform(units, corners.astype(np.float32))
    for name, box in [("phone", (25, 66, 80, 11)), ("marks[1,1]", (25, 110, 12, 12))]:
        x, y, w, h = box
        at = np.array([[(x, y), (x + w, y), (x + w, y + h), (x, y + h)]], np.float32)
        expected = cv2.perspectiveTransform(at, matrix)[0]
        np.testing.assert_allclose(found.fields[name].polygon, expected, atol=6)
    field = found.fields["phone"]
    outer = np.array(field.polygon, np.float32)
    for digit in field.number.digits:
        x, y = np.mean(digit.polygon, axis=0)
        assert cv2.pointPolygonTest(outer, (float(x), float(y)), False) > 0
    # The text runs downwards: so does the first digit's polygon.
    first = np.array(field.number.digits[0].polygon)
    assert (first[1] - first[0])[1] > abs((first[1] - first[0])[0])


def test_boxes_are_in_the_pixels_of_a_large_picture(reader, filled, page):
    large = Form(FORM, reader).read(np.repeat(np.repeat(page, 2, axis=0), 2, axis=1))
    assert (large.width, large.height) == (2 * filled.width, 2 * filled.height)
    np.testing.assert_allclose(
        np.array(large.fields["id"].box) / 2, filled.fields["id"].box, atol=4
    )


def test_check_digit_decides_between_readings(reader, page):
    found = Form(changed(0, check="luhn"), reader).read(page).fields["id"]
    digits = [int(sign) for sign in found.text]
    doubled = [sum(divmod(2 * one, 10)) for one in digits[-2::-2]]
    assert (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    assert found.confidence < 0.5  # it was another number


def test_what_is_not_allowed_is_empty_and_kept_for_a_human(reader, page):
    found = Form(changed(2, length=4), reader).read(page).fields["phone"]
    assert (found.text, found.confidence, found.is_allowed) == ("", 0.0, False)
    assert found.number.text == TEXTS["phone"]


def test_lexicon_pattern_and_date_are_read(reader):
    form = changed(2, lexicon=["271828182", "271828183"])
    form["fields"][3].update(kind="date", pattern="DD.MM.YY", box=[25, 87, 60, 9])
    for key in ("length", "gap"):
        del form["fields"][3][key]
    form["fields"][0]["pattern"] = "####-####"
    found = Form(form, reader).read(draw_form(form, {**VALUES, "born": "280277"}))
    assert found.fields["phone"].text == "271828182"
    assert found.fields["id"].text == "3141-5926"
    assert found.fields["born"].text == "28.02.77"


def test_day_that_is_none_is_not_allowed(reader):
    form = changed(3, kind="date", pattern="DD.MM.YYYY", box=[25, 87, 80, 9])
    for key in ("length", "gap"):
        del form["fields"][3][key]
    found = Form(form, reader).read(draw_form(form, {"born": "31022001"})).fields["born"]
    assert not found.is_allowed
    assert found.text == ""


def test_empty_form_has_empty_fields_that_are_sure(reader):
    found = Form(FORM, reader).read(draw_form(FORM, {}))
    assert {one.text for one in found.fields.values()} == {""}
    assert min(one.confidence for one in found.fields.values()) > 0.8
    assert all(one.number is None and one.is_allowed for one in found.fields.values())


def test_hole_between_digits_is_doubtful(reader):
    found = Form(FORM, reader).read(draw_form(FORM, {"id": "314 5926"}))
    assert found.fields["id"].text == "3145926"
    assert found.fields["id"].confidence <= 0.5


def test_cells_of_several_digits_are_read(reader):
    form = changed(4, columns=4, length=[1, 2])
    values = [(i, j) for i in range(5) for j in range(4)]
    page = draw_form({**form, "fields": form["fields"][:4]}, VALUES)
    drawn = glyphs()
    texts = {}
    for i, j in values:
        text = str((7 * i + 13 * j) % 97) if (i + j) % 5 else ""
        texts[i, j] = text
        for k, sign in enumerate(text):
            side = 64
            one = cv2.resize(drawn[int(sign)], (side, side)) / 255
            y, x = (110 + 12 * i + 6) * 8 - side // 2, (25 + 24 * j + 5) * 8 + k * 56
            part = page[y : y + side, x : x + side]
            part[:] = (part * (1 - 0.8 * one)).astype(np.uint8)
    for i in range(6):
        page[(110 + 12 * i) * 8 : (110 + 12 * i) * 8 + 2, 200:968] = 70
    for j in range(5):
        page[880:1360, (25 + 24 * j) * 8 : (25 + 24 * j) * 8 + 2] = 70
    table = Form(form, reader).read(page).table("marks")
    wrong = [(i, j) for i, j in values if table[i][j] != texts[i, j]]
    assert len(wrong) <= 1


def test_page_as_data_as_a_picture_and_as_a_table(filled, page):
    described = json.loads(filled.to_json())
    assert described == json.loads(json.dumps(filled.to_dict()))
    assert described["fields"]["total"]["text"] == "123.45"
    assert len(described["fields"]["total"]["number"]["digits"]) == 6
    sure, doubtful = filled.draw(0.0), filled.draw(1.0)
    assert sure.size == page.shape[::-1]
    x, y = filled.fields["id"].polygon[0]
    assert sure.getpixel((round(x), round(y))) != doubtful.getpixel((round(x), round(y)))
    with pytest.raises(KeyError, match="grid"):
        filled.table("id")
    assert set(filled.fields["id"].masked(1.1)) == {"?"}
    assert 0 < filled.confidence <= filled.fields["id"].confidence


def test_form_is_pickled_and_reads_many(reader, filled, page):
    form = pickle.loads(pickle.dumps(Form(FORM, reader)))
    assert repr(form) == "Form(150 x 200: id, total, phone, born, marks)"
    assert list(form.read_many([page])) == [filled]
    assert pickle.loads(pickle.dumps(filled)) == filled
    assert form.columns == list(filled.fields)


@pytest.mark.parametrize("seed", range(6))
def test_scribbles_give_a_page_with_all_fields_or_a_declared_error(reader, seed):
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", tuple(rng.integers(3, 500, 2).tolist()), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 40)):
        points = rng.integers(-20, 500, (rng.integers(2, 5), 2)).ravel().tolist()
        draw.line(points, fill=tuple(rng.integers(0, 200, 3).tolist()), width=rng.integers(1, 20))
    for form in (FORM, BARE):
        try:
            found = Form(form, reader).read(image)
        except ValueError:
            assert form is FORM
        else:
            assert len(found.fields) == 44
