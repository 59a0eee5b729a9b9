"""Forms: pages of known fields, found, laid straight and read."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from digitcnn.reading.forms.page import FormPage
from digitcnn.reading.forms.schema import load_template
from digitcnn.reading.forms.template import FormTemplate
from digitcnn.reading.reader import _RECOGNISER, DigitReader

if TYPE_CHECKING:
    from digitcnn.reading.pictures import Picture

_FEWER_LINES = 0.7  # Of the printed lines found in another turn: it is not this one.
_LONGEST_SIDE = 3200  # Pixels: a page's boxes may be small.
_LIKELIER = 1.05  # So much surer must another turn than the upright one be.


class Form:
    """Read filled forms of one kind: scans or photos.

    The page is found by its corner marks, its printed frame or its edges. Rotation, quarter turns
    too, scale, shift and perspective are undone, printed lines are removed, and each field is read
    as what the template says it is.

    Parameters
    ----------
    template : str, path-like, bytes or dict
        A JSON file, its bytes, or what it holds: see :doc:`/guide/forms`.
    reader : DigitReader or None, default=None
        What reads the digits; None is ``DigitReader()``. What a number may be is the template's to
        say: the reader's own `length`, `pattern`, `lexicon`, `check` and `layout` are not used.

    See Also
    --------
    DigitReader : Reads pages without a template.

    Examples
    --------
    >>> import numpy as np
    >>> from digitcnn.datasets import load_sample_digits
    >>> from digitcnn.reading import Form
    >>> X, y = load_sample_digits()
    >>> digits = np.hstack(X[[3, 1, 4]].reshape(3, 28, 28))
    >>> scan = 255 - np.pad(digits, 28)
    >>> code = {"name": "code", "kind": "boxes", "length": 3, "box": [28, 28, 84, 28]}
    >>> form = Form({"size": [140, 84], "fields": [code]})
    >>> page = form.read(scan)
    >>> page.fields["code"].text
    '314'
    """

    def __init__(self, template: Any, reader: DigitReader | None = None) -> None:
        self.template = load_template(template)
        self.reader = DigitReader() if reader is None else reader

    @property
    def columns(self) -> list[str]:
        """The names of what is read on a page: fields, and the cells of grids."""
        return [name for one in self.template.fields for name in one.columns_of_csv]

    def read(self, picture: Any, *, page: int | None = None) -> FormPage:
        """Read a picture of a filled form.

        Parameters
        ----------
        picture : str, path-like, bytes, binary file, PIL.Image.Image or array
            As for `DigitReader.read`.
        page : int or None, default=None
            Of a PDF or a TIFF with several pages, from 0. None takes the only one.

        Returns
        -------
        FormPage

        Raises
        ------
        OSError
            If there is no such file, or it may not be read.
        ValueError
            If the picture is damaged, is none, or has too many pixels, or if the template's marks
            or its frame are not found.
        ImportError
            If it is a PDF, and pypdfium2 is not installed.
        TypeError
            If `picture` is of another type.
        """
        from digitcnn.reading.pictures import Source

        return self._read(Source(picture).open(page, _LONGEST_SIDE))

    def read_pages(self, picture: Any) -> Iterator[FormPage]:
        """Read each page of a PDF or a TIFF; of other pictures the only one.

        Parameters
        ----------
        picture : str, path-like, bytes, binary file, PIL.Image.Image or array
            As for :meth:`read`.

        Yields
        ------
        FormPage
        """
        from digitcnn.reading.pictures import Source

        source = Source(picture)
        for page in range(source.count_pages()):
            yield self._read(source.open(page, _LONGEST_SIDE))

    def read_many(self, pictures: Iterable[Any]) -> Iterator[FormPage]:
        """Read pictures one after the other.

        Parameters
        ----------
        pictures : iterable
            Each as for :meth:`read`.

        Yields
        ------
        FormPage
        """
        for picture in pictures:
            yield self.read(picture)

    def _read(self, opened: "Picture") -> FormPage:
        from digitcnn.reading.forms.fields import PageReading
        from digitcnn.reading.forms.registration import find_page

        classifier = self.reader.load()._classifier()
        scale = np.array([opened.width, opened.height], float)
        scale /= (opened.pixels.shape[1], opened.pixels.shape[0])
        best = None
        places = find_page(opened.pixels, self.template)
        for sheet, inks in _upright(opened.pixels, places, self.template):
            found = PageReading(sheet, inks, self.template, classifier, _RECOGNISER)
            if best is None or found.certainty > _LIKELIER * best.certainty:
                best = found
        assert best is not None
        fields = best.fields(scale, self.reader.n_alternatives)
        return FormPage(fields, opened.width, opened.height, opened.pixels)

    def __repr__(self) -> str:
        names = ", ".join(one.name for one in self.template.fields[:5])
        more = ", ..." if len(self.template.fields) > 5 else ""
        return f"Form({self.template.width:g} x {self.template.height:g}: {names}{more})"


def _upright(
    pixels: np.ndarray, places: list[np.ndarray], template: FormTemplate
) -> list[tuple[Any, list[Any]]]:
    """The ways in which a page may lie that have most of its printed lines where they should be."""
    from digitcnn.reading.forms.boxes import cut_field, most_lines
    from digitcnn.reading.forms.sheet import rectify

    cuts = []
    for place in places:
        sheet = rectify(pixels, place, template)
        cuts.append((sheet, [cut_field(sheet, one) for one in template.fields]))
    lines = [most_lines(inks) for _, inks in cuts]
    return [cut for cut, part in zip(cuts, lines, strict=True) if part >= _FEWER_LINES * max(lines)]
