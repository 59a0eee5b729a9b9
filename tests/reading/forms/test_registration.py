import copy

import cv2
import numpy as np
import pytest

from digitcnn.reading.forms.registration import find_page, homography, outline_quad
from digitcnn.reading.forms.schema import load_template
from digitcnn.reading.polygons import project
from form_sheets import FORM, VALUES, draw_form, photograph, place_of

FRAMED = {**FORM, "anchors": {"frame": [10, 10, 130, 180]}}
BARE = {key: value for key, value in FORM.items() if key != "anchors"}
CORNERS = np.array([(0, 0), (150, 0), (150, 200), (0, 200)], float)


@pytest.fixture(scope="module")
def pages():
    forms = {"marks": FORM, "frame": FRAMED, "none": BARE}
    return {name: (load_template(form), draw_form(form, VALUES)) for name, form in forms.items()}


@pytest.mark.parametrize("kind", ["marks", "frame", "none"])
@pytest.mark.parametrize(
    "how",
    [
        {"degrees": 8},
        {"turns": 1, "degrees": -5, "tilt": 0.2},
        {"turns": 2, "tilt": 0.3, "light": 0.4},
        {"turns": 3, "scale": 0.6, "quality": 40},
    ],
)
def test_page_on_a_dark_desk_is_found(pages, kind, how):
    template, page = pages[kind]
    found = find_page(photograph(page, **how)[..., None], template)
    expected = place_of(page, **how)
    errors = [np.abs(project(one, CORNERS) - expected).max() for one in found]
    # 1 per cent of the page: the fields' own lines do the rest.
    assert min(errors) < 0.01 * 1400


@pytest.mark.parametrize(
    "how",
    [
        {"degrees": 3, "scale": 0.95, "bend": (0.02, 0.01)},
        {"degrees": -6, "scale": 0.75, "bend": (0.05, -0.08)},
        {"turns": 2, "degrees": -2, "scale": 0.9},
    ],
)
def test_scan_without_edges_or_marks_is_found_by_its_boxes(pages, how):
    template, page = pages["none"]
    how = {**how, "desk": 235, "size": (1050, 1400)}
    found = find_page(photograph(page, **how)[..., None], template)
    error = np.abs(project(found[0], CORNERS) - place_of(page, **how)).max()
    assert error < 0.01 * 1400


def test_form_with_unprinted_boxes_is_the_whole_scan():
    page = draw_form(BARE, VALUES, is_ruled=False)
    found = find_page(page[..., None], load_template(BARE))
    expected = CORNERS * 8
    assert min(np.abs(project(one, CORNERS) - expected).max() for one in found) < 1


@pytest.mark.parametrize("kind", ["marks", "frame"])
def test_page_without_its_anchors_is_refused_by_name(pages, kind):
    template, _ = pages[kind]
    blank = np.full((300, 300, 1), 240, np.uint8)
    what = {"marks": "four corner marks", "frame": "printed frame"}[kind]
    with pytest.raises(ValueError, match=what):
        find_page(blank, template)


def test_three_marks_are_not_enough():
    form = copy.deepcopy(FORM)
    drawn = copy.deepcopy(FORM)
    drawn["anchors"]["marks"] = form["anchors"]["marks"][:3]
    with pytest.raises(ValueError, match="four corner marks"):
        find_page(draw_form(drawn, {})[..., None], load_template(form))


@pytest.mark.parametrize("seed", range(5))
def test_corners_of_a_quadrilateral_are_found(seed):
    rng = np.random.default_rng(seed)
    corners = np.array([(60, 50), (340, 50), (340, 250), (60, 250)]) + rng.integers(-30, 30, (4, 2))
    part = np.zeros((300, 400), np.uint8)
    cv2.fillPoly(part, [corners.astype(np.int32)], 1)
    np.testing.assert_allclose(outline_quad(part), corners + 0.5, atol=2)


def test_shape_that_has_no_four_corners_has_no_quadrilateral():
    part = np.zeros((300, 300), np.uint8)
    rows, columns = np.indices(part.shape)
    part[rows > columns] = 1
    assert outline_quad(part) is None


def test_homography_maps_corners_to_corners():
    images = np.array([(3, 5), (90, 9), (80, 100), (1, 70)], float)
    np.testing.assert_allclose(project(homography(CORNERS, images), CORNERS), images, atol=1e-3)
