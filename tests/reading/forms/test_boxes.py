import copy

import cv2
import numpy as np
import pytest

from digitcnn.reading.forms.borders import bands, crossings, track_borders
from digitcnn.reading.forms.boxes import cut_field
from digitcnn.reading.forms.schema import load_template
from digitcnn.reading.forms.sheet import rectify
from form_sheets import FORM, draw_form

ZOOM = 8


def cut(name, values, **drawn):
    """The boxes of a field on a page that lies straight."""
    template = load_template(FORM)
    page = draw_form(FORM, values, zoom=ZOOM, **drawn)
    sheet = rectify(page[..., None], np.diag([ZOOM, ZOOM, 1.0]), template)
    field = next(one for one in template.fields if one.name == name)
    return cut_field(sheet, field), sheet


def lines_in(height, width, rows, thickness=2):
    mask = np.zeros((height, width), np.uint8)
    for row in rows:
        mask[row : row + thickness] = 1
    return mask


@pytest.mark.parametrize("off", [-7, -3, 0, 4, 8])
def test_lines_are_tracked_where_they_are_and_not_where_they_are_expected(off):
    rows = [20, 60, 100, 140]
    mask = lines_in(180, 240, [row + off for row in rows])
    found = track_borders(mask, np.array(rows) + 0.5, 0, 240, side=40.0)
    np.testing.assert_allclose(found.paths.mean(axis=1), np.array(rows) + off + 0.5, atol=1)
    assert set(found.thickness) == {2}


def test_lines_that_bend_are_tracked_along_their_bend():
    bend = np.round(5 * np.sin(np.arange(240) / 50)).astype(int)
    mask = np.zeros((180, 240), np.uint8)
    for row in (20, 60, 100, 140):
        mask[row + bend, np.arange(240)] = 1
        mask[row + bend + 1, np.arange(240)] = 1
    found = track_borders(mask, np.array([20.5, 60.5, 100.5, 140.5]), 0, 240, side=40.0)
    middles = np.array([[20.5], [60.5], [100.5], [140.5]]) + bend
    np.testing.assert_allclose(found.paths[:, 12:-12], middles[:, 12:-12], atol=2)
    assert not (mask & (1 - bands(found, 180))).any()


def test_one_stroke_is_no_line_where_no_lines_are_printed():
    mask = np.zeros((180, 240), np.uint8)
    mask[58:62, 10:230] = 1
    found = track_borders(mask, np.array([20.0, 60.0, 100.0, 140.0]), 0, 240, side=40.0)
    assert not found.thickness.any()


def test_strokes_that_cross_a_line_stay_whole_and_the_line_goes():
    mask = lines_in(60, 200, [30])
    for x in range(20, 60):  # aslant through the line
        mask[x - 10 : x - 7, x + 40 : x + 43] = 1
    found = track_borders(mask, np.array([30.5]), 0, 200, side=40.0)
    kept = crossings(mask, found)
    band = bands(found, 60)
    assert band[30:32].all()
    cleaned = mask & ((1 - band) | kept)
    assert cv2.connectedComponents(cleaned)[0] == 2
    assert cleaned[30:32].sum() < 30


@pytest.mark.parametrize("is_ruled", [True, False])
def test_each_box_has_its_own_digit_and_empty_ones_have_none(is_ruled):
    values = {"marks": ["1 3 5 7 ", " 2 4 6 8", "        ", "90909090", "       1"]}
    found, _ = cut("marks", values, is_ruled=is_ruled)
    assert len(found.crops) == 40
    written = "".join(values["marks"])
    for sign, crop in zip(written, found.crops, strict=True):
        assert (crop.strokes is None) == (sign == " ")
        if sign == " ":
            assert crop.certainty > 0.9
        else:
            assert crop.strokes.max() == 255
    assert found.n_found == (found.n_borders if is_ruled else 0)


def test_pens_of_different_darkness_are_all_seen():
    values = {"marks": ["12345678"] * 5}
    found, sheet = cut("marks", values)
    dark = [crop.strokes.shape for crop in found.crops]
    # The right half of the sheet becomes as faint as pencil.
    contrast = sheet.contrast.copy()
    contrast[:, contrast.shape[1] // 2 :] *= 0.3
    faded = type(sheet)(contrast, sheet.faintest, sheet.typical, sheet.to_sheet, sheet.to_picture)
    crops = cut_field(faded, load_template(FORM).fields[4]).crops
    assert all(crop.strokes is not None for crop in crops)
    np.testing.assert_allclose([crop.strokes.shape for crop in crops], dark, atol=6)


def test_labels_beside_a_field_are_not_in_it():
    for name in ("id", "total", "phone", "born"):
        found, _ = cut(name, {})
        assert [crop.strokes for crop in found.crops] == [None] * len(found.crops)


@pytest.mark.parametrize("off", [-4, -2, 2, 4])
def test_lines_of_boxes_with_a_small_gap_are_no_ones(off):
    moved = copy.deepcopy(FORM)
    moved["fields"][3]["box"][0] += off / ZOOM
    template = load_template(moved)
    page = draw_form(FORM, {"born": "29 277"}, zoom=ZOOM)
    sheet = rectify(page[..., None], np.diag([ZOOM, ZOOM, 1.0]), template)
    crops = cut_field(sheet, template.fields[3]).crops
    assert [crop.strokes is None for crop in crops] == [False, False, True, False, False, False]
    widths = [crop.strokes.shape[1] for crop in crops if crop.strokes is not None]
    assert max(widths) < 45


def test_polygons_of_boxes_are_where_the_boxes_are():
    found, sheet = cut("born", {"born": "123456"})
    scale = sheet.to_sheet[0, 0]
    left, top, width, height = FORM["fields"][3]["box"]
    pitch = (width + 0.8) / 6
    for j, polygon in enumerate(found.polygons):
        middle = (polygon.mean(axis=0) - sheet.to_sheet[:2, 2]) / scale
        expected = left + (j + 0.5) * pitch - 0.4, top + height / 2
        np.testing.assert_allclose(middle, expected, atol=0.6)


def test_blank_sheet_has_empty_boxes():
    template = load_template(FORM)
    blank = np.full((1600, 1200, 1), 250, np.uint8)
    sheet = rectify(blank, np.diag([8.0, 8.0, 1.0]), template)
    for field in template.fields:
        assert all(crop.strokes is None for crop in cut_field(sheet, field).crops)


def test_sheet_is_bounded_however_large_the_form_and_the_picture():
    box = {"name": "a", "kind": "digits", "box": [0, 0, 0.001, 0.001]}
    template = load_template({"size": [1e6, 1e6], "fields": [box]})
    sheet = rectify(np.full((50, 50, 1), 250, np.uint8), np.diag([5e-5, 5e-5, 1.0]), template)
    assert max(sheet.contrast.shape) <= 2800
    assert cut_field(sheet, template.fields[0]).crops[0].strokes is None
