import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_image

from digitcnn import DigitReader
from number_sheets import compose, on_paper
from ruled_sheets import CORNERS, bent, desk, grid_sheet, on_desk, seen_from

ROWS = ["31475", "926 435", "7423"]
TEXT = "\n".join(ROWS)
SUDOKU = ["53  7", "6  195", " 98    6", "8   6   3", "4  8 3  1", "", "   419  5", " 2", "7"]


@pytest.fixture(scope="module")
def reader():
    return DigitReader().load()


@pytest.fixture(scope="module")
def sheet():
    return on_paper(compose(ROWS))[..., None]


def digits_of(page):
    return [digit for line in page.lines for number in line.numbers for digit in number.digits]


def middles(page):
    return np.array([np.mean(digit.polygon, axis=0) for digit in digits_of(page)])


def moved(points, matrix):
    found = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return found[:, :2] / found[:, 2:]


@pytest.mark.parametrize("kind", ["wood", "cloth"])
def test_sheet_on_a_desk_is_read_with_places_in_the_picture(reader, sheet, kind):
    ground = desk(kind)
    page = reader.read(on_desk(sheet, ground))
    assert page.text == TEXT
    assert (page.width, page.height) == ground.shape[1::-1]
    _, matrix = seen_from(sheet, CORNERS, *ground.shape[1::-1])
    expected = moved(middles(reader.read(sheet)), matrix)
    np.testing.assert_allclose(middles(page), expected, atol=5)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_page_in_any_quarter_turn_is_read_with_places_in_the_picture(reader, sheet, quarters):
    page = reader.read(np.ascontiguousarray(np.rot90(sheet, quarters)))
    assert page.text == TEXT
    # The upper left corner of the first digit is where the turn has brought it.
    first = np.array(digits_of(page)[0].polygon[0]) / (page.width, page.height)
    corner = {1: [0, 1], 2: [1, 1], 3: [1, 0]}[quarters]
    assert (np.abs(first - corner) < 0.35).all()


@pytest.mark.parametrize("text", ["8", "6", "801", "96", "11 08"])
def test_page_that_may_be_either_way_up_stays_as_it_is(reader, text):
    page = reader.read(on_paper(compose([text])))
    assert page.text == text
    (left, _), (right, _), _, _ = digits_of(page)[0].polygon
    assert left < right


@pytest.mark.parametrize("text", ["8", "80", "000"])
def test_page_that_is_read_as_well_upside_down_is_not_turned(reader, text):
    page = reader.read(np.rot90(on_paper(compose([text])), 2))
    assert page.text == text[::-1]
    (left, _), (right, _), _, _ = digits_of(page)[0].polygon
    assert left < right


@pytest.mark.parametrize("degrees", [-14, -9, 8, 15])
def test_tilted_page_with_wide_gaps_is_read(reader, degrees):
    rows = ["3 1 4 7 5", "9 2 6 4 3", "7 4 2 3 8"]
    picture = Image.fromarray(on_paper(compose(rows, space=40, leading=100)))
    picture = picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=230)
    assert reader.read(picture).text.replace(" ", "").split() == ["31475", "92643", "74238"]


@pytest.mark.parametrize(
    "corners",
    [
        [[0, 0], [640, 0], [640, 640], [0, 640]],
        [[80, 60], [700, 130], [640, 730], [40, 640]],
        [[160, 60], [660, 40], [760, 720], [60, 690]],
    ],
    ids=["level", "tilted", "perspective"],
)
def test_grid_is_read_row_by_row_without_its_empty_cells(reader, corners):
    rows = [row.ljust(9) for row in SUDOKU]
    picture, matrix = seen_from(grid_sheet(rows), corners, 800, 780, 225)
    page = reader.read(picture)
    expected = [row.replace(" ", "") for row in SUDOKU if row.strip()]
    assert page.text.replace(" ", "").split("\n") == expected
    assert [number.text for number in page.lines[0].numbers] == ["5", "3", "7"]
    places = np.array(
        [
            (50 + 60 * j + 31, 50 + 60 * i + 30)
            for i, row in enumerate(SUDOKU)
            for j, sign in enumerate(row)
            if sign != " "
        ]
    )
    np.testing.assert_allclose(middles(page), moved(places, matrix), atol=12)


def test_bent_grid_with_thick_lines_is_read(reader):
    rows = ["314759", "264358", "979323"]
    page = reader.read(bent(grid_sheet(rows, thick=2), 10))
    assert page.text.replace(" ", "").split("\n") == rows


def test_words_in_a_table_are_no_numbers(reader):
    picture = Image.fromarray(grid_sheet(["   31", "   47", "   59"])[..., 0])
    draw = ImageDraw.Draw(picture)
    for i, word in enumerate(["History", "English", "Music"]):
        draw.text((62, 68 + 60 * i), word, fill=60, font=ImageFont.load_default(28))
    assert reader.read(picture).text.replace(" ", "").split("\n") == ["31", "47", "59"]


@pytest.mark.parametrize("every", [14, 45])
def test_numbers_across_the_squares_of_paper_are_read_as_lines(reader, every):
    picture = on_paper(compose(ROWS))
    squares = np.full_like(picture, 255)
    squares[::every] = squares[:, ::every] = 185
    assert reader.read(np.minimum(picture, squares)).text == TEXT


@pytest.mark.parametrize("slope", [-0.08, 0.06])
def test_ruled_lines_that_tilt_are_left_out(reader, slope):
    picture = on_paper(compose(ROWS, leading=70, fall=slope, margin=60))
    for i in range(-1, 6):
        for x in range(picture.shape[1]):
            y = 60 + 26 + 70 * i + round(slope * x)
            if 0 <= y < picture.shape[0] - 2:
                picture[y : y + 2, x] = np.minimum(picture[y : y + 2, x], 120)
    assert reader.read(picture).text == TEXT


def text_page(lines, size=30):
    image = Image.new("L", (900, 60 + 2 * size * len(lines)), 240)
    draw = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        draw.text((30, 30 + 2 * i * size), line, fill=20, font=ImageFont.load_default(size))
    return image


@pytest.mark.parametrize(
    "lines",
    [
        ["Bill sold oil in Lisbon", "Soil boils slowly", "So it is all ill will"],
        ["BOSS", "SOLO", "ILLINOIS IS SO COLD", "SOIL BOILS IN OSLO"],
        ["loose soil", "till I go", "silly goose"],
    ],
)
def test_words_that_look_like_digits_are_no_numbers(reader, lines):
    assert reader.read(text_page(lines)).lines == ()


def test_number_beside_words_is_read(reader):
    image = text_page(["Please pay before the end of June", "Total:", "Thank you for your order"])
    digits = on_paper(compose(["4732"], margin=4, leading=30), 240)
    image.paste(Image.fromarray(digits), (200, 88))
    assert reader.read(image).text == "4732"


def no_numbers():
    rng = np.random.default_rng(0)
    rows, columns = np.indices((400, 600))
    for name, box in {"large": (80, 300, 200, 380), "upright": (40, 360, 250, 340)}.items():
        picture = np.full((400, 600), 225)
        picture[box[0] : box[1], box[2] : box[3]] = 40
        yield f"{name} dark rectangle", picture
    yield "cloth", 150 + 30 * np.sin(rows / 6) + 30 * np.sin(columns / 6)
    yield "wood", 140 + 30 * np.sin(rows / 7 + 3 * np.sin(columns / 80))
    yield "clouds", 150 + 900 * cv2.GaussianBlur(rng.normal(0, 1, (400, 600)), (0, 0), 12)


@pytest.mark.parametrize(
    "picture", [pytest.param(picture, id=name) for name, picture in no_numbers()]
)
def test_textures_and_objects_have_no_lines(reader, picture):
    assert reader.read(picture.clip(0, 255).astype(np.uint8)).lines == ()


def things(seed, shape=(360, 480)):
    """Blurred and sharp shapes of many shades, as things in a photo."""
    rng = np.random.default_rng(seed)
    picture = np.full(shape, rng.uniform(120, 200), np.float32)
    for _ in range(60):
        centre = int(rng.integers(shape[1])), int(rng.integers(shape[0]))
        axes = int(rng.integers(8, 60)), int(rng.integers(5, 30))
        shade = float(np.clip(picture.mean() + rng.normal(0, 35), 0, 255))
        cv2.ellipse(picture, centre, axes, rng.uniform(0, 360), 0, 360, shade, -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.2)


def with_pole_and_ring(picture, sign):
    picture = picture.copy()
    if sign == "1":
        cv2.line(picture, (245, 90), (235, 270), 10, 12, cv2.LINE_AA)
    else:
        cv2.ellipse(picture, (240, 180), (50, 85), 0, 0, 360, 10, 12, cv2.LINE_AA)
    return picture.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("sign", ["0", "1"])
def test_thing_among_things_is_no_digit_and_on_paper_it_is_one(reader, sign):
    assert reader.read(with_pole_and_ring(np.full((360, 480), 200.0), sign)).text == sign
    pictures = [with_pole_and_ring(things(seed), sign) for seed in range(12)]
    assert sum(reader.read(picture).lines == () for picture in pictures) >= 8


def test_photo_has_no_lines(reader):
    photo = load_sample_image("china.jpg")
    for part in (photo, photo[:260, :330], photo[150:, 200:], photo[200:420, 60:300]):
        assert reader.read(part).lines == ()


@pytest.mark.parametrize("layout", ["page", "line"])
def test_loops_stay_whole_on_a_sheet_cut_out_with_the_desk_at_its_sides(layout):
    picture = np.full((130, 600), 225, np.uint8)
    for x in range(90, 560, 105):
        cv2.ellipse(picture, (x, 65), (24, 38), 0, 0, 360, 60, 4, cv2.LINE_AA)
    picture[:, :8] = picture[:, -14:] = 70
    light = np.linspace(0.8, 1.0, picture.shape[1])
    found = DigitReader(layout=layout).read((picture * light).astype(np.uint8))
    assert "00000" in "".join(found.text.split())
