import numpy as np
import pytest

from digitcnn.preprocessing.shades import two_shades
from digitcnn.reading.layout import find_components
from digitcnn.reading.recogniser import BODY, HEIGHT, SYMBOLS, LineRecogniser, cut_line
from number_sheets import compose, on_paper


def cut(rows, **how):
    shades = two_shades(on_paper(compose(rows, **how))[..., None], "auto")
    components = find_components(shades.mask)
    line = np.argsort(components.boxes[:, 0]).tolist()
    return shades, components, line, cut_line(shades, components, line)


def inked_rows(pixels):
    rows = np.flatnonzero((pixels > 96).any(axis=1))
    return rows[0], rows[-1]


@pytest.mark.parametrize("fall", [-0.2, 0.0, 0.15])
def test_line_is_level_and_of_one_height(fall):
    *_, line = cut(["12345678"], fall=fall, margin=90)
    assert line.pixels.shape[0] == HEIGHT
    assert line.pixels.shape[1] % 2 == 0
    half = line.pixels.shape[1] // 2
    for part in (line.pixels[:, :half], line.pixels[:, half:]):
        top, bottom = inked_rows(part)
        assert abs((top + bottom) / 2 - HEIGHT / 2) < 3
        assert abs(bottom - top - BODY) < 5


def test_places_lead_back_to_the_picture():
    _, components, line, made = cut(["12345678"], fall=0.1, margin=60)
    box = components.boxes[line[0]]
    forward = np.linalg.inv(np.vstack([made.matrix, [0, 0, 1]]))
    left, right = ((forward @ [box[side], box[1], 1])[0] for side in (0, 2))
    corners = made.polygon(int(left), int(right))
    np.testing.assert_allclose(corners.min(axis=0), box[:2], atol=4)
    np.testing.assert_allclose(corners.max(axis=0), box[2:], atol=4)


def test_ink_of_other_lines_is_left_out():
    shades = two_shades(on_paper(compose(["111", "888"], gap=4))[..., None], "auto")
    components = find_components(shades.mask)
    upper = [i for i in range(6) if components.boxes[i, 1] < np.median(components.boxes[:, 1])]
    with_both = cut_line(shades, components, upper)
    alone = cut(["111"], gap=4)[3]
    assert inked_rows(with_both.pixels)[1] <= inked_rows(alone.pixels)[1] + 1


def test_thin_strokes_are_drawn_with_a_thicker_pen():
    ink = np.zeros((400, 300), np.uint8)
    ink[50:350, 149:151] = 255
    shades = two_shades(on_paper(ink)[..., None], "auto")
    line = cut_line(shades, find_components(shades.mask), [0])
    assert (line.pixels.max(axis=1) > 200).sum() >= BODY - 3


@pytest.mark.parametrize("bar", [1.8, 3.0])
def test_digits_beside_the_bar_of_a_frame_have_their_size(bar):
    ink = compose(["597"], margin=60)
    rows = np.flatnonzero(ink.any(axis=1))
    middle, half = (rows[0] + rows[-1]) / 2, bar * (rows[-1] - rows[0]) / 2
    ink[max(0, int(middle - half)) : int(middle + half), 20:23] = 1
    shades = two_shades(on_paper(ink)[..., None], "auto")
    components = find_components(shades.mask)
    line = np.argsort(components.boxes[:, 0]).tolist()
    made = cut_line(shades, components, line)
    left = int(made.columns_of(components.boxes[line[-1:]])[0][0])
    top, bottom = inked_rows(made.pixels[:, left:])
    assert abs(bottom - top - BODY) < 5


@pytest.mark.parametrize("size", [0.8, 1.3])
def test_line_is_as_large_as_is_asked_for(size):
    shades, components, line, one = cut(["12345678"], margin=60)
    other = cut_line(shades, components, line, size)
    top, bottom = inked_rows(other.pixels)
    assert abs(bottom - top - size * BODY) < 5
    assert other.scale == pytest.approx(size * one.scale)


@pytest.mark.parametrize("lean", [-0.3, 0.2])
def test_line_leans_as_is_asked_for_with_all_its_ink_and_places(lean):
    shades, components, line, one = cut(["1111"], margin=60)
    other = cut_line(shades, components, line, lean=lean)
    # The upper part of a stroke moves against its lower part.
    moved = []
    for made in (one, other):
        top, bottom = inked_rows(made.pixels)
        rows = made.pixels[top + 2].astype(float), made.pixels[bottom - 2].astype(float)
        means = [row @ np.arange(len(row)) / row.sum() for row in rows]
        moved.append((means[1] - means[0]) / (bottom - top - 4))
    assert moved[1] - moved[0] == pytest.approx(lean, abs=0.05)
    assert int(other.pixels.sum()) == pytest.approx(int(one.pixels.sum()), rel=0.03)
    assert (other.pixels[:, :3] < 96).all()
    assert (other.pixels[:, -3:] < 96).all()
    places = [made.polygon(0, made.pixels.shape[1] - 1) for made in (one, other)]
    middles = [place.mean(axis=0) for place in places]
    np.testing.assert_allclose(middles[1], middles[0], atol=3)


def test_faint_parts_of_strokes_stay_and_rulings_do_not():
    ink = compose(["597"], margin=80, zoom=2)
    rows = np.flatnonzero((ink > 0.5).any(axis=1))
    below = rows[-1] - len(rows) // 4  # where the pen has hardly any ink left
    faint = ink.copy()
    faint[below:] *= 0.13
    ruled = ink.copy()
    ruled[rows[-1] + 6 : rows[-1] + 9] = 1

    def line_of(drawn):
        shades = two_shades(on_paper(drawn)[..., None], "auto")
        components = find_components(shades.mask)
        line = cut_line(shades, components, np.argsort(components.boxes[:, 0]).tolist())
        return line, shades

    line, shades = line_of(faint)
    assert not shades.mask[below + 1 :].any()
    row = (below + 5 - line.matrix[1, 2]) * line.scale
    assert line.pixels[int(row)].max() > 20
    with_ruling, _ = line_of(ruled)
    assert inked_rows(with_ruling.pixels)[1] <= inked_rows(line_of(ink)[0].pixels)[1] + 1


def test_pixels_that_are_given_are_not_changed():
    shades = two_shades(on_paper(compose(["3805"], gap=-9))[40:68, 40:110, None], "auto")
    components = find_components(shades.mask)
    before = shades.contrast.copy(), components.ink.copy()
    cut_line(shades, components, [0])
    np.testing.assert_array_equal(shades.contrast, before[0])
    np.testing.assert_array_equal(components.ink, before[1])


def test_answers_are_probabilities_for_every_second_column():
    *_, line = cut(["2718"])
    (logs,) = LineRecogniser().read([line])
    assert logs.shape == (line.pixels.shape[1] // 2, 1 + len(SYMBOLS))
    np.testing.assert_allclose(np.logaddexp.reduce(logs, axis=1), 0, atol=1e-4)
