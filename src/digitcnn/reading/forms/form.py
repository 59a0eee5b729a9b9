"""Forms: pages of known fields, found, laid straight and read."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from digitcnn.reading.base import BaseReader
from digitcnn.reading.forms.page import FormPage
from digitcnn.reading.forms.schema import load_template
from digitcnn.reading.forms.template import FormTemplate
from digitcnn.reading.reader import RECOGNISER, DigitReader

if TYPE_CHECKING:
    from digitcnn.reading.pictures import Source

_LEAST_BORDERS = 0.7  # Least share of printed borders found, relative to the best turn.
_LONGEST_SIDE = 3200  # Pixels: a page's boxes may be small.
_MORE_CERTAIN = 1.05  # By this factor another turn has to be more certain than the upright one.


class Form(BaseReader[FormPage]):
    """Read filled forms of one kind: scans or photos.

    `Form` finds the page by its corner marks, its printed frame or its edges. It corrects scale,
    shift, perspective and rotation, also by quarter turns, removes printed lines, and reads each
    field as the template describes it.

    Parameters
    ----------
    template : str, path-like, bytes or dict
        A JSON file, its bytes, or its content: see :doc:`/guide/forms`.
    reader : DigitReader or None, default=None
        The reader for the digits. None: ``DigitReader()``. Its `length`, `pattern`, `lexicon`,
        `check` and `layout` are ignored, because the template says what a number may be.

    See Also
    --------
    DigitReader : Read pages without a template.

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
        self.template: FormTemplate = load_template(template)
        self.reader: DigitReader = DigitReader() if reader is None else reader

    @property
    def columns(self) -> list[str]:
        """The names of a page's fields and of its grids' cells."""
        return [name for one in self.template.fields for name in one.columns_of_csv]

    def read(self, picture: Any, *, page: int | None = None) -> FormPage:
        """Read a picture of a filled form.

        Parameters
        ----------
        picture : str, path-like, bytes, binary file, PIL.Image.Image or array
            A picture as `DigitReader.read` takes it.
        page : int or None, default=None
            The page of a PDF or TIFF, counted from 0. None: the only page.

        Returns
        -------
        FormPage
            The fields of the page.

        Raises
        ------
        OSError
            If the file does not exist or cannot be opened.
        ValueError
            If the picture is damaged, not a picture or too large, or if it does not show the
            template's marks or frame.
        ImportError
            If `picture` is a PDF and pypdfium2 is not installed.
        TypeError
            If `picture` has another type.
        """
        from digitcnn.reading.pictures import Source

        return self._read(Source(picture), page)

    def read_pages(self, picture: Any) -> Iterator[FormPage]:
        """Read all pages of a PDF or TIFF, one after the other. Other pictures have one page.

        Parameters
        ----------
        picture : str, path-like, bytes, binary file, PIL.Image.Image or array
            A picture as :meth:`read` takes it.

        Yields
        ------
        FormPage
            The result of :meth:`read` for each page.
        """
        from digitcnn.reading.pictures import Source

        source = Source(picture)
        for page in range(source.count_pages()):
            yield self._read(source, page)

    def _read(self, source: "Source", page: int | None) -> FormPage:
        from digitcnn.reading.forms.fields import PageReading
        from digitcnn.reading.forms.registration import find_page

        opened = source.open(page, _LONGEST_SIDE)
        classifier = self.reader._classifier()
        scale = np.array([opened.width, opened.height], float)
        scale /= (opened.pixels.shape[1], opened.pixels.shape[0])
        best = None
        places = find_page(opened.pixels, self.template)
        for sheet, inks in _upright(opened.pixels, places, self.template):
            found = PageReading(sheet, inks, self.template, classifier, RECOGNISER)
            if best is None or found.certainty > _MORE_CERTAIN * best.certainty:
                best = found
        assert best is not None
        fields = best.fields(scale, self.reader.n_alternatives)
        return FormPage(fields, opened.width, opened.height, opened.pixels)

    def __repr__(self) -> str:
        names = ", ".join(one.name for one in self.template.fields[:5])
        more = ", ..." if len(self.template.fields) > 5 else ""
        return f"Form({self.template.width:g} x {self.template.height:g}: {names}{more})"

    def _repr_html_(self) -> str:
        from digitcnn.reading.notebook import details, parameter_table, table

        page = f"{self.template.width:g} x {self.template.height:g}"
        columns = "name", "kind", "box (x, y, width, height)", "rows x columns"
        rows = [
            (one.name, one.kind, ", ".join(f"{side:g}" for side in one.box),
             f"{one.rows} x {one.columns}")
            for one in self.template.fields
        ]  # fmt: skip
        fields = table(f"Fields of the page of {page}", columns, rows)
        reader = parameter_table(*self.reader._parameters())
        return details(
            "Form",
            "reads filled forms",
            fields,
            details("DigitReader", "reads their digits", reader),
        )


def _upright(
    pixels: np.ndarray, places: list[np.ndarray], template: FormTemplate
) -> list[tuple[Any, list[Any]]]:
    """The sheet and the fields' ink for each likely place: where most printed borders are found."""
    from digitcnn.reading.forms.boxes import cut_field, found_share
    from digitcnn.reading.forms.sheet import rectify

    cuts = []
    for place in places:
        sheet = rectify(pixels, place, template)
        cuts.append((sheet, [cut_field(sheet, one) for one in template.fields]))
    shares = [found_share(inks) for _, inks in cuts]
    least = _LEAST_BORDERS * max(shares)
    return [cut for cut, share in zip(cuts, shares, strict=True) if share >= least]
