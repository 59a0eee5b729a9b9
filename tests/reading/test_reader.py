import io
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import digitcnn
from digitcnn import DigitReader
from digitcnn.tables.image_files import ImageFileError
from image_samples import encoded
from number_sheets import compose, on_paper

ROWS = ["31415", "926 535", "8979"]
TEXT = "\n".join(ROWS)


@pytest.fixture(scope="module")
def reader():
    return DigitReader().load()


@pytest.fixture(scope="module")
def ink():
    return compose(ROWS)


@pytest.fixture(scope="module")
def sheet(ink):
    return on_paper(ink)


def rotated(picture, degrees):
    return np.asarray(
        Image.fromarray(picture).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=230)
    )


def test_rows_of_numbers_are_read_in_reading_order(reader, sheet):
    page = reader.read(sheet)
    assert page.text == TEXT
    assert [number.text for number in page.lines[1].numbers] == ["926", "535"]
    assert page.confidence > 0.5


@pytest.mark.parametrize("degrees", [-4, -2, 3, 5])
def test_rotated_pages_are_read(reader, sheet, degrees):
    assert reader.read(rotated(sheet, degrees)).text == TEXT


def test_rising_line_stays_one_line(reader):
    ink = compose(["1234567890"], fall=-0.2, margin=90)
    assert reader.read(on_paper(ink)).text == "1234567890"


def test_light_strokes_on_dark_are_read(reader, sheet):
    assert reader.read(255 - sheet).text == TEXT


def test_colours_uneven_light_and_shadow_are_read(reader, ink):
    rows, columns = np.indices(ink.shape)
    light = 240 - 0.45 * columns - 0.3 * rows
    light[:, ink.shape[1] // 2 :] *= 0.8
    blue = np.stack([on_paper(ink, light, depth) for depth in (0.75, 0.6, 0.2)], axis=2)
    assert reader.read(blue).text == TEXT


def test_noise_and_specks_are_no_digits(reader, ink):
    rng = np.random.default_rng(0)
    picture = on_paper(ink) + rng.normal(0, 4, ink.shape)
    for _ in range(60):
        y, x = rng.integers(0, ink.shape[0] - 2), rng.integers(0, ink.shape[1] - 2)
        picture[y : y + 2, x : x + 2] = 90
    assert reader.read(picture.clip(0, 255).astype(np.uint8)).text == TEXT


def test_ruled_lines_and_a_frame_are_left_out(reader):
    picture = on_paper(compose(ROWS, leading=70))
    for i in range(3):
        y = 40 + 26 + 70 * i  # through the feet of the digits
        picture[y : y + 2, 5:-5] = 110
    assert reader.read(picture).text == TEXT
    framed = on_paper(compose(ROWS))
    framed[[8, 9, -9, -10], 8:-8] = 60
    framed[8:-8, [8, 9, -9, -10]] = 60
    assert reader.read(framed).text == TEXT


def test_columns_are_read_from_left_to_right_in_each_row(reader):
    page = reader.read(on_paper(compose(["123 456", "789 102"], space=300)))
    assert page.text.split() == ["123", "456", "789", "102"]


def test_digits_that_touch_are_cut(reader):
    ink = compose(["3805"], gap=-9)
    assert reader.read(on_paper(ink)).text == "3805"


def test_dots_and_dashes_are_no_digits(reader):
    picture = on_paper(compose(["12 34 56"], space=24))
    for x in (40 + 2 * 32 + 8, 40 + 4 * 32 + 24 + 8):
        picture[40 + 22 : 40 + 26, x : x + 4] = 60
    found = reader.read(picture).text.replace(" ", "")
    assert found == "123456"


def blank_pictures():
    rng = np.random.default_rng(0)
    rows, columns = np.indices((300, 400))
    yield "white", np.full((300, 400), 255, np.uint8)
    yield "black", np.zeros((5, 7), np.uint8)
    yield "one pixel", np.ones((1, 1))
    yield "noise", rng.integers(0, 256, (300, 400), np.uint8)
    yield "paper", (200 + rng.normal(0, 5, (300, 400))).clip(0, 255).astype(np.uint8)
    yield "gradient", np.tile(np.linspace(90, 250, 400), (300, 1)).astype(np.uint8)
    yield "squares", ((rows + columns) // 20 % 2 * 255).astype(np.uint8)
    yield "stripes", (rows // 6 % 4 == 0).astype(np.uint8) * 200


@pytest.mark.parametrize(
    "picture", [pytest.param(picture, id=name) for name, picture in blank_pictures()]
)
def test_blank_pages_and_textures_have_no_lines(reader, picture):
    page = reader.read(picture)
    assert page.lines == ()
    assert page.text == ""


@pytest.mark.parametrize("size", [14, 24, 40])
def test_page_of_text_has_no_lines(reader, size):
    image = Image.new("L", (900, 500), 240)
    words = "The quick brown fox jumps\nover the lazy dog and then\nit goes to sleep for hours."
    ImageDraw.Draw(image).multiline_text(
        (30, 30), words, fill=20, font=ImageFont.load_default(size)
    )
    assert reader.read(image).lines == ()


def test_every_way_to_give_a_picture_reads_the_same(reader, sheet, tmp_path):
    content = encoded(sheet, "PNG", "L")
    path = tmp_path / "page.png"
    path.write_bytes(content)
    with path.open("rb") as file:
        file.seek(10)
        given = [path, str(path), content, io.BytesIO(content), file, sheet, Image.open(path)]
        pages = list(reader.read_many([*given, sheet / 255, sheet[..., None], sheet.tolist()]))
    assert {page.text for page in pages} == {TEXT}
    assert {(page.width, page.height) for page in pages} == {sheet.shape[::-1]}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_to_files_and_images(reader, sheet, orientation):
    turned = Image.fromarray(sheet)
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    for one in undo.get(orientation, []):
        turned = turned.transpose(one)
    content = encoded(np.asarray(turned), "PNG", "L", orientation=orientation)
    for source in (content, Image.open(io.BytesIO(content))):
        page = reader.read(source)
        assert page.text == TEXT
        assert (page.width, page.height) == sheet.shape[::-1]


def test_boxes_are_in_the_pixels_of_the_picture_however_large(reader):
    small = reader.read(on_paper(compose(["27"])))
    large = reader.read(on_paper(compose(["27"], zoom=16)))
    assert large.text == small.text == "27"
    assert large.width > 1600
    pages = [page.lines[0].numbers[0].digits for page in (small, large)]
    for one, other in zip(*pages, strict=True):
        np.testing.assert_allclose(np.array(other.box) / 16, one.box, atol=2.5)
    left, top, width, height = small.lines[0].box
    assert 40 <= left < 50
    assert 40 <= top < 50
    assert width < 60
    assert height <= 28


def test_region_is_read_alone_with_boxes_in_the_whole_picture(reader, sheet):
    whole = reader.read(sheet)
    part = reader.read(sheet, region=(0, 95, sheet.shape[1], 50))
    assert part.text == ROWS[1]
    np.testing.assert_allclose(part.lines[0].box, whole.lines[1].box, atol=2)
    height = sheet.shape[0]
    same = reader.read(sheet, region=(0.0, 95 / height, 1, 50 / height))
    assert same.text == ROWS[1]
    np.testing.assert_allclose(same.lines[0].box, whole.lines[1].box, atol=2)


@pytest.mark.parametrize(
    "region", [(0.0, 0, 1, 1), (0, 0, 322, 260), (-5, -5, 1000, 1000), (0, 0, 1.0, 1)]
)
def test_region_of_the_whole_picture_changes_nothing(reader, sheet, region):
    assert reader.read(sheet, region=region) == reader.read(sheet)


def test_layouts_read_a_line_and_a_single_digit(sheet):
    assert DigitReader(layout="line").read(sheet[30:80]).text == ROWS[0]
    page = DigitReader(layout="single").read(on_paper(compose(["8"])))
    assert page.text == "8"
    assert 40 <= page.lines[0].box[0] < 60
    assert DigitReader(layout="single").read(np.full((30, 30), 9, np.uint8)).lines == ()


def test_page_as_data_and_as_a_picture(reader, sheet):
    page = reader.read(sheet)
    described = json.loads(page.to_json())
    assert described == json.loads(json.dumps(page.to_dict()))
    assert described["text"] == TEXT
    digit = described["lines"][0]["numbers"][0]["digits"][0]
    assert digit["text"] == "3"
    assert len(digit["alternatives"]) == 2
    image = page.draw()
    assert image.size == sheet.shape[::-1]
    x, y, _, _ = page.lines[0].numbers[0].digits[0].box
    sure, doubtful = image, page.draw(min_confidence=1.0)
    assert sure.getpixel((round(x), round(y))) != doubtful.getpixel((round(x), round(y)))


def test_doubtful_digits_are_masked(reader, sheet):
    page = reader.read(sheet)
    assert page.masked(0.0) == TEXT
    assert page.masked(1.1) == "?????\n??? ???\n????"


def test_reader_is_pickled_and_used_by_threads(reader, sheet):
    copy = pickle.loads(pickle.dumps(reader))
    assert repr(copy) == repr(reader)
    with ThreadPoolExecutor(4) as threads:
        pages = list(threads.map(copy.read, [sheet] * 8))
    assert pages == [reader.read(sheet)] * 8
    assert pickle.loads(pickle.dumps(pages[0])) == pages[0]


def test_any_fitted_classifier_reads_the_digits(sheet):
    class Nines:
        classes_ = np.arange(10)
        image_shape_ = (28, 28, 1)

        def predict_proba(self, X):
            assert X.shape[1] == 784
            return np.tile(np.eye(10)[9], (len(X), 1))

    page = DigitReader(Nines()).read(sheet)
    assert set(page.text) - set(" \n") == {"9"}


def test_model_of_letters_reads_single_ones_alone():
    class Letters:
        classes_ = np.array(list("abc"))
        image_shape_ = (28, 28, 1)

        def predict_proba(self, X):
            return np.tile([0.1, 0.8, 0.1], (len(X), 1))

    picture = on_paper(compose(["3"]))
    assert DigitReader(Letters(), layout="single").read(picture).text == "b"
    for layout in ("page", "line"):
        with pytest.raises(ValueError, match=f"expected a model of digits to read a {layout}"):
            DigitReader(Letters(), layout=layout).read(picture)


def test_model_of_words_is_refused():
    class Words:
        classes_ = np.array(["one", "two"])

        def predict_proba(self, X):
            raise AssertionError

    with pytest.raises(ValueError, match="single characters"):
        DigitReader(Words()).load()


@pytest.mark.parametrize("shape", [(8, 10, 1), (28, 28, 3)])
def test_model_of_other_pictures_is_refused(shape):
    model = SimpleNamespace(classes_=np.arange(10), image_shape_=shape, predict_proba=None)
    said = " x ".join(map(str, shape))
    with pytest.raises(ValueError, match=f"expected a model of square grey.*, got one of {said}"):
        DigitReader(model).load()


def test_classifier_that_is_not_fitted_is_refused():
    class Unfitted:
        def predict_proba(self, X):
            raise AssertionError

    with pytest.raises(ValueError, match="got Unfitted that is not fitted"):
        DigitReader(Unfitted()).load()


@pytest.mark.parametrize(
    "parameters",
    [
        {"model": ""},
        {"model": 3},
        {"layout": "pages"},
        {"layout": None},
        {"reject_below": 1.5},
        {"reject_below": "low"},
        {"reject_below": float("nan")},
        {"n_alternatives": -1},
        {"n_alternatives": True},
    ],
)
def test_wrong_parameter_is_refused_by_name(parameters):
    with pytest.raises(ValueError, match=f"expected {next(iter(parameters))} to be"):
        DigitReader(**parameters)


@pytest.mark.parametrize(
    "region",
    [
        (0, 0, 0, 5),
        (1, 2, 3),
        "0,0,5,5",
        (0.5, 0, 5, 5),
        (9999, 0, 5, 5),
        (0.5, 0, 0.6, 1),
        (0.5, 0, 0.0, 1),
        (-0.1, 0, 0.5, 1),
        (float("nan"), 0, 1, 1),
        (0, 0, 1, 1j),
    ],
)
def test_wrong_region_is_refused(reader, sheet, region):
    with pytest.raises(ValueError, match="expected"):
        reader.read(sheet, region=region)


@pytest.mark.parametrize(
    ("picture", "error"),
    [
        (b"", ValueError),
        (b"no image", ValueError),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), ValueError),
        (b"%PDF-1.7", ValueError),
        ("nowhere.png", FileNotFoundError),
        (io.StringIO("text"), TypeError),
        (None, TypeError),
        (3, TypeError),
        (np.zeros((0, 4)), ValueError),
        (np.zeros(4), ValueError),
        (np.zeros((2, 2, 5)), ValueError),
        (np.full((4, 4), np.nan), ValueError),
        (np.array([["a"]]), ValueError),
        (np.zeros((4, 4), complex), ValueError),
        ([[1, 2], [3]], ValueError),
        (np.broadcast_to(np.uint8(0), (2**14, 2**13)), ValueError),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_picture_is_refused(reader, picture, error):
    with pytest.raises(error):
        reader.read(picture)


def test_mutated_files_give_pages_or_declared_errors(reader):
    """Any other error fails the test."""
    rng = np.random.default_rng(0)
    small = on_paper(compose(["42"], margin=6, leading=30))
    contents = [encoded(small, "PNG", "L"), encoded(small, "JPEG", "L"), encoded(small, "GIF", "L")]
    for _ in range(60):
        content = bytearray(contents[rng.integers(len(contents))])
        for place in rng.integers(0, len(content), rng.integers(1, 6)):
            content[place] = rng.integers(256)
        try:
            reader.read(bytes(content[: rng.integers(len(content) // 2, len(content) + 1)]))
        except ImageFileError:
            continue


def test_digits_that_a_classifier_is_unsure_of_are_left_out(ink):
    class Unsure:
        classes_ = np.arange(10)
        image_shape_ = (28, 28, 1)

        def predict_proba(self, X):
            return np.full((len(X), 10), 0.001)

    assert DigitReader(Unsure()).read(on_paper(ink)).lines == ()
    assert DigitReader(Unsure(), layout="line").read(on_paper(ink)).lines == ()


@pytest.mark.parametrize("seed", range(12))
def test_scribbles_give_pages_with_boxes_inside(reader, seed):
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", tuple(rng.integers(3, 260, 2).tolist()), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 30)):
        points = rng.integers(-20, 280, (rng.integers(2, 5), 2)).ravel().tolist()
        draw.line(points, fill=tuple(rng.integers(0, 200, 3).tolist()), width=rng.integers(1, 9))
    page = reader.read(image)
    for line in page.lines:
        left, top, width, height = line.box
        assert left >= 0
        assert top >= 0
        assert left + width <= page.width
        assert top + height <= page.height
        assert 0 <= line.confidence <= 1


def test_pixels_that_are_given_are_not_changed(reader):
    tight = on_paper(compose(["3805"], gap=-9))[40:68, 40:110]
    before = tight.copy()
    tight.flags.writeable = False
    assert reader.read(tight).text == reader.read(tight).text
    np.testing.assert_array_equal(tight, before)


def test_public_names():
    assert digitcnn.DigitReader is DigitReader
