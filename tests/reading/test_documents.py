"""Documents of several pages: PDF and TIFF."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from digitcnn import DigitReader
from digitcnn.reading import pdf, pictures
from digitcnn.tables import image_files
from number_sheets import compose, on_paper
from pdf_files import (
    compose_pdf,
    encrypted_pdf,
    pdf_of_a_large_picture,
    pdf_of_pictures,
    tiff_of_pictures,
)

TEXTS = ["2718", "31", "926 535"]


@pytest.fixture(scope="module")
def sheets():
    return [on_paper(compose([text], margin=40 + 10 * i)) for i, text in enumerate(TEXTS)]


@pytest.fixture(scope="module")
def reader():
    return DigitReader().load()


@pytest.fixture(scope="module", params=[pdf_of_pictures, tiff_of_pictures])
def document(request, sheets):
    return request.param(sheets)


def test_all_pages_are_read_in_order_with_their_own_size(reader, document, sheets, tmp_path):
    path = tmp_path / "scans.dat"
    path.write_bytes(document)
    for source in (document, path, io.BytesIO(document)):
        pages = list(reader.read_pages(source))
        assert [page.text for page in pages] == TEXTS
        for page, sheet in zip(pages, sheets, strict=True):
            assert (page.height, page.width) == pytest.approx(sheet.shape, abs=1)


def test_one_page_is_read_by_its_number(reader, document):
    assert reader.read(document, page=1).text == "31"
    assert reader.read(document, page=np.int64(2)).text == TEXTS[2]
    for number in (3, -1, 0.0, "0"):
        with pytest.raises(ValueError, match="expected page to be from 0 to 2"):
            reader.read(document, page=number)


def test_document_of_several_pages_is_not_taken_for_its_first_one(reader, document):
    with pytest.raises(ValueError, match=r"expected one page, got 3\. Choose one, as page=0"):
        reader.read(document)


def test_document_of_one_page_is_a_picture(reader, sheets):
    for content in (pdf_of_pictures(sheets[:1]), tiff_of_pictures(sheets[:1])):
        assert reader.read(content).text == TEXTS[0]
        assert [page.text for page in reader.read_pages(content)] == TEXTS[:1]


@pytest.mark.parametrize("kind", ["array", "image", "PNG", "GIF", "WEBP"])
def test_other_pictures_have_one_page(reader, sheets, kind):
    sheet, image = sheets[0], Image.fromarray(sheets[0])
    source = {"array": sheet, "image": image}.get(kind)
    if source is None:
        source = io.BytesIO()
        animated = {"save_all": True, "append_images": [Image.new("L", image.size, 255)]}
        image.save(source, kind, **(animated if kind != "PNG" else {}))
    assert [page.text for page in reader.read_pages(source)] == ["2718"]
    with pytest.raises(ValueError, match="expected page to be from 0 to 0, got 1"):
        reader.read(source, page=1)


def test_boxes_on_a_page_of_a_pdf_are_in_200_pixels_per_inch(reader, sheets):
    expected = reader.read(sheets[0]).lines[0].box
    found = reader.read(pdf_of_pictures(sheets[:1], dpi=200)).lines[0].box
    np.testing.assert_allclose(found, expected, atol=1.5)
    found = reader.read(pdf_of_pictures(sheets[:1], dpi=100)).lines[0].box
    np.testing.assert_allclose(np.array(found) / 2, expected, atol=1.5)


def test_region_is_that_of_each_page(reader, sheets):
    content = tiff_of_pictures([np.vstack([sheet, sheet]) for sheet in sheets])
    pages = list(reader.read_pages(content, region=(0.0, 0.0, 1.0, 0.5)))
    assert [page.text for page in pages] == TEXTS
    assert pages[0].height == 2 * sheets[0].shape[0]


def test_pdf_with_words_before_its_mark_is_one(reader, sheets):
    assert reader.read(b"\n\n" + pdf_of_pictures(sheets[:1])).text == TEXTS[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encrypted_pdf(), "expected a PDF that opens without a password"),
        (b"%PDF-1.7 and nothing else", "damaged, or not a PDF file"),
        (compose_pdf()[:120], "damaged, or not a PDF file"),
        (compose_pdf(0), "damaged, or not a PDF file"),
        (pdf_of_a_large_picture(12_000), "expected pictures of at most 67,108,864 pixels"),
        (compose_pdf(size=(1e9, 1e-3)), "usual shape|size"),
    ],
)
def test_pdf_that_cannot_be_read_is_refused_by_its_fault(reader, content, message):
    with pytest.raises(ValueError, match=message):
        reader.read(content)


def test_page_of_any_size_is_drawn_in_bounded_pixels(reader):
    for size in ((14_400, 14_400), (14_400, 3), (0.1, 0.1)):
        page = reader.read(compose_pdf(size=size))
        assert page.lines == ()
        assert page.width * page.height <= 2**26


def test_more_than_a_thousand_pages_are_refused(reader, monkeypatch, sheets):
    with pytest.raises(ValueError, match=r"expected at most 1,000 pages, got more"):
        reader.read(compose_pdf(1001), page=0)
    assert reader.read(compose_pdf(1000), page=999).text == ""
    monkeypatch.setattr(pictures, "_MOST_PAGES", 2)
    with pytest.raises(ValueError, match=r"expected at most 2 pages, got more"):
        next(reader.read_pages(tiff_of_pictures(sheets)))


def test_too_many_bytes_or_objects_are_refused(reader, monkeypatch, sheets):
    content = compose_pdf(content=b"0 0 m 5 5 l S " * 30)
    monkeypatch.setattr(pdf, "_MOST_OBJECTS", 20)
    with pytest.raises(ValueError, match="at most 20 objects"):
        reader.read(content)
    monkeypatch.setattr(pdf, "_MOST_BYTES", 100)
    with pytest.raises(ValueError, match="expected a PDF of at most"):
        reader.read(content)


def test_page_that_takes_too_long_is_refused(reader, monkeypatch):
    monkeypatch.setattr(pdf, "_PATIENCE", 0.0)
    with pytest.raises(ValueError, match="page 1: expected a page that is drawn within 0 seconds"):
        reader.read(compose_pdf(content=b"0 0 m 90 90 l S " * 2000))


def test_file_is_named_in_errors(reader, tmp_path):
    path = tmp_path / "letter.pdf"
    path.write_bytes(encrypted_pdf())
    with pytest.raises(ValueError, match=r"letter\.pdf: expected a PDF"):
        reader.read(path)
    path.write_bytes(compose_pdf(2))
    with pytest.raises(ValueError, match=r"letter\.pdf: expected one page, got 2"):
        reader.read(path)


def test_missing_extra_is_told_with_the_command_that_installs_it(reader, monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(ImportError, match=r'pip install "digitcnn\[pdf\]"'):
        reader.read(compose_pdf())


def test_threads_read_pdfs_at_once(reader, sheets):
    content = pdf_of_pictures(sheets)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda i: reader.read(content, page=i % 3).text, range(12)))
    assert found == TEXTS * 4


@pytest.mark.parametrize("stop", [1, 3])
def test_nothing_stays_open(reader, sheets, tmp_path, stop):
    path = tmp_path / "pages.pdf"
    path.write_bytes(pdf_of_pictures(sheets))
    pages = reader.read_pages(path)
    for _ in range(stop):
        next(pages)
    pages.close()
    assert pdf._lock.acquire(timeout=1)
    pdf._lock.release()
    path.unlink()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["array", "TIFF", "JPEG", "PDF"])
def test_region_of_a_large_picture_is_read_with_all_its_pixels(reader, kind):
    line = on_paper(compose(["31415"], margin=10))
    large = np.full((4200, 3000), 230, np.uint8)
    height, width = line.shape
    large[4000 : 4000 + height, 2500 : 2500 + width] = line
    source = large
    if kind != "array":
        out = io.BytesIO()
        Image.fromarray(large).save(out, kind, resolution=200, quality=95)
        source = out.getvalue()
    region = (2480, 3980, width + 40, height + 40)
    opened = pictures.Source(source)
    part = opened.open_region(opened.open(), None, region)
    assert part.pixels.shape[:2] == pytest.approx((region[3], region[2]), abs=2)
    np.testing.assert_allclose(part.pixels[20:-20, 20:-20, 0][:height, :width], line, atol=60)
    page = reader.read(source, region=region)
    assert page.text == "31415"
    left, top, _, _ = page.lines[0].box
    assert 2500 <= left <= 2525
    assert 4000 <= top <= 4030
    # What is drawn on stays small.
    assert max(page.draw().size) <= 1600


def test_stream_without_an_end_is_refused_in_bounded_memory(reader, monkeypatch):
    class Endless:
        def read(self, size=-1):
            assert size >= 0
            return b"BM" + bytes(size - 2)

    for module in (pictures, image_files):
        monkeypatch.setattr(module, "MOST_BYTES", 2**20)
    with pytest.raises(ValueError, match="at most 1 MiB, got more"):
        reader.read(Endless())
