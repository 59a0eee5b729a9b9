"""``digitcnn read --form``: reads filled-in forms, one row for each page."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digitcnn._utils.atomic import atomic_write, is_same_file
from digitcnn.cli._common import check_files
from digitcnn.cli._measures import count
from digitcnn.cli._output import say, show
from digitcnn.cli._read_outputs import STDIN, Overlays, overwritten, start_of_lines
from digitcnn.cli._table import check_ending, write_table
from digitcnn.reading import DigitReader, Form, FormPage
from digitcnn.reading.forms.page import is_doubtful
from digitcnn.reading.forms.review import make_review

# The confidence from which a reading needs no review.
_CONFIDENT = 0.9
# Options that the template replaces.
_OTHERS = ("line", "single", "region", "length", "pattern", "lexicon", "check", "hocr")


def read_form(options: argparse.Namespace, files: list[str], read: Any) -> int:
    """Read pictures of a form. Returns 2 if one could not be read.

    Parameters
    ----------
    options : argparse.Namespace
    files : list of str
    read : callable
        Yields ``(file, number, n_pages, page)`` for each page of the files. `page` is None where a
        file could not be read, which it has reported.
    """
    _check(options, files)
    overlays = None if options.overlay is None else Overlays(Path(options.overlay), files)
    form = Form(options.form, DigitReader(options.model))
    form.reader.load()
    if options.max_error is not None:
        least = form.reader.confidence_for(options.max_error)
        options.min_confidence = max(options.min_confidence, least)
    min_confidence = options.min_confidence or _CONFIDENT
    prints = not options.json and options.csv is None and options.review is None
    pages: list[tuple[str, int, FormPage]] = []
    n_bad = n_doubtful = 0
    for file, number, n_pages, page in read(form.read_pages, files, prints):
        if page is None:
            n_bad += 1
            continue
        pages.append((file, number, page))
        n_doubtful += sum(is_doubtful(one, min_confidence) for one in page.fields.values())
        if overlays is not None:
            overlays.write(file, number, n_pages, page, min_confidence)
        if prints:
            start = start_of_lines(file if len(files) > 1 else None, number, n_pages)
            _print(form, page, start, options.min_confidence)
    if options.csv is not None:
        write_table(options.csv, [_table(form.columns, pages, options.min_confidence)])
    if options.review is not None:
        review = make_review(pages, form.columns, min_confidence)
        atomic_write(options.review, lambda file: file.write(review.encode()))
    if options.json:
        data = [{"file": file, "page": number, **page.to_dict()} for file, number, page in pages]
        show(json.dumps({"pages": data, "failed": n_bad}))
    elif not prints:
        written = " and ".join(filter(None, (options.csv, options.review)))
        doubts = f"{count(n_doubtful, 'doubtful reading')}"
        show(f"{count(len(pages), 'form')} with {doubts} written to {written}")
    if n_bad and len(files) > 1:
        say(f"digitcnn read: {n_bad:,} of {len(files):,} files could not be read")
    return 2 if n_bad else 0


def _check(options: argparse.Namespace, files: list[str]) -> None:
    """Refuse options that contradict the template, and outputs that would destroy an input."""
    given = [name for name in _OTHERS if getattr(options, name, None)]
    if given:
        raise ValueError(
            f"expected --form without --{given[0]}, got both. Say in the template what a field "
            "holds"
        )
    check_files(model=options.model, outputs={"table": options.csv, "page": options.review})
    if options.csv is not None:
        check_ending(options.csv)
    named = [Path(path) for path in (options.csv, options.review) if path is not None]
    for path in named:
        for source in (options.form, *files):
            if source != STDIN and is_same_file(path, source):
                raise ValueError(overwritten(path, source))
    if len(named) == 2 and is_same_file(*named):
        raise ValueError(f"{named[0]}: expected a different file for each output, got one for two")


def _table(
    columns: list[str], read: list[tuple[str, int, FormPage]], min_confidence: float
) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = {
        "file": [file for file, _, _ in read],
        "page": [number for _, number, _ in read],
    }
    for name in columns:
        fields = [page.fields[name] for _, _, page in read]
        table[name] = [one.masked(min_confidence) for one in fields]
        table[f"{name} confidence"] = [round(one.confidence, 4) for one in fields]
    return table


def _print(form: Form, page: FormPage, start: str, min_confidence: float) -> None:
    for name, text in _lines(form, page, min_confidence):
        show(f"{start}{name}: {text}")


def _lines(form: Form, page: FormPage, min_confidence: float) -> Iterator[tuple[str, str]]:
    """A line for each field, and for each row of a grid, with a dot for an empty cell."""
    for field in form.template.fields:
        texts = [page.fields[name].masked(min_confidence) for name in field.columns_of_csv]
        if field.kind != "grid":
            yield field.name, texts[0]
            continue
        for i in range(field.rows):
            cells = texts[i * field.columns : (i + 1) * field.columns]
            yield f"{field.name}[{i + 1}]", " ".join(cell or "." for cell in cells)
