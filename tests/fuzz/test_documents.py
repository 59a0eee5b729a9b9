"""Documents changed at random are refused, or their pages are read."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from digitcnn import DigitReader
from digitcnn.tables.image_files import without_warnings_of_pillow
from fuzz.harness import changed_bytes, read_or_refuse, rounds
from image_samples import digit
from pdf_files import (
    compose_pdf,
    encrypted_pdf,
    pdf_of_a_large_picture,
    pdf_of_pictures,
    tiff_of_pictures,
)

PICTURES = [digit(3, 40), digit(5, 30)]
WHOLE = [
    pdf_of_pictures(PICTURES),
    pdf_of_a_large_picture(64),
    compose_pdf(2, b"q 4 w 5 5 m 90 40 l S Q"),
    encrypted_pdf(),
    tiff_of_pictures(PICTURES),
]


@pytest.fixture(scope="module")
def reader():
    reader = DigitReader(layout="single")
    for data in (WHOLE[0], WHOLE[-1]):  # what is opened once: the model, and late imports
        list(reader.read_pages(data))
    return reader


@pytest.mark.slow
@given(st.sampled_from(WHOLE).flatmap(changed_bytes))
@rounds(2)
def test_changed_document_is_refused_or_read_page_by_page(reader, data):
    def read_all(path):
        with without_warnings_of_pillow():
            return list(islice(reader.read_pages(path), 3))

    pages = read_or_refuse(read_all, data, "a.pdf")
    if pages is None:
        event("refused")
        return
    event("read")
    for page in pages:
        assert page.width >= 1
        assert page.height >= 1
        assert np.isfinite([side for line in page.lines for side in line.box]).all()
