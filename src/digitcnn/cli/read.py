"""``digitcnn read``: reads the numbers in pictures."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from digitcnn._utils.atomic import atomic_write, is_same_file
from digitcnn._utils.refusals import is_refusal
from digitcnn._utils.text import first_line
from digitcnn.cli._common import check_files
from digitcnn.cli._files import find_paths
from digitcnn.cli._measures import count
from digitcnn.cli._output import describe_os_error, is_terminal, say, show
from digitcnn.cli._progress import FileProgress
from digitcnn.cli._read_outputs import (
    STDIN,
    LineTable,
    Overlays,
    overwritten,
    print_page,
    start_of_lines,
)
from digitcnn.cli._table import check_ending
from digitcnn.reading import DigitReader, Page
from digitcnn.reading.description import described
from digitcnn.reading.pictures import Source
from digitcnn.tables.image_files import IMAGE_ENDINGS, MOST_BYTES, without_warnings_of_pillow
from digitcnn.tables.image_sources import in_natural_order

_ENDINGS = IMAGE_ENDINGS | {".pdf"}
_MOST_TEXT = 2**24  # Largest lexicon in bytes.


class _Read(NamedTuple):
    """A page that was read. `page` is None where a file, or the rest of it, could not be read."""

    file: str
    number: int  # from 1
    n_pages: int
    page: Any


def read(options: argparse.Namespace) -> int:
    """Read pictures and print the numbers in them. Returns 2 if one could not be read."""
    files = _find_pictures(options.pictures)
    if options.form is not None:
        from digitcnn.cli.read_form import read_form

        return read_form(options, files, _read)
    if options.review is not None:
        raise ValueError("expected --form with --review, got --review alone. Add --form TEMPLATE")
    check_files(model=options.model, outputs={"table": options.csv, "page": options.hocr})
    if options.csv is not None:
        check_ending(options.csv)
    _check_outputs([*files, options.lexicon or STDIN], options.csv, options.hocr)
    overlays = None if options.overlay is None else Overlays(Path(options.overlay), files)
    reader = DigitReader(
        options.model,
        layout="single" if options.single else "line" if options.line else "page",
        length=options.length,
        pattern=options.pattern,
        lexicon=None if options.lexicon is None else _read_lexicon(options.lexicon),
        check=options.check,
    )
    reader.load()
    if options.max_error is not None:
        least = reader.confidence_for(options.max_error)
        options.min_confidence = max(options.min_confidence, least)
    pages: list[dict[str, Any]] = []
    table = LineTable()
    failed: list[str] = []
    prints = not options.json and options.csv is None and options.hocr is None

    def pages_of(source: Any) -> Iterator[Page]:
        return reader.read_pages(source, region=options.region)

    def read_pages() -> Iterator[tuple[str, int, Page]]:
        """All pages, each after it was added to the other outputs."""
        for file, number, n_pages, page in _read(pages_of, files, prints):
            if page is None:
                failed.append(file)
                continue
            if overlays is not None:
                overlays.write(file, number, n_pages, page, options.min_confidence)
            if options.json:
                data = described(page, options.min_confidence)
                pages.append({"file": file, "page": number, **data})
            if prints:
                start = start_of_lines(file if len(files) > 1 else None, number, n_pages)
                print_page(page, start, options.min_confidence)
                if not page.lines:
                    say(f"digitcnn read: {start}no number found")
            table.add(file, number, page, options.min_confidence)
            yield file, number - 1, page

    if options.hocr is None:
        for _ in read_pages():
            continue
    else:
        from digitcnn.reading.hocr import hocr_parts

        parts = (part.encode() for part in hocr_parts(read_pages()))
        atomic_write(options.hocr, lambda file: file.writelines(parts))
    if options.csv is not None:
        table.write(options.csv)
    if options.json:
        show(json.dumps({"pages": pages, "failed": len(failed)}))
    elif not prints:
        written = " and ".join(filter(None, (options.csv, options.hocr)))
        show(f"{count(len(table), 'line')} written to {written}")
    if failed and len(files) > 1:
        say(f"digitcnn read: {len(failed):,} of {len(files):,} files could not be read")
    return 2 if failed else 0


def _find_pictures(names: list[str]) -> list[str]:
    """The files of a list of names, folders and patterns, without repetitions."""
    found: list[str] = []
    for name in names:
        if name == STDIN:
            found.append(name)
            continue
        paths = find_paths(name)
        for path in [paths] if isinstance(paths, str) else paths:
            if not Path(path).is_dir():
                found.append(path)
                continue
            images = [
                str(one)
                for one in Path(path).iterdir()
                if one.suffix.lower() in _ENDINGS and one.is_file()
            ]
            if not images:
                raise ValueError(f"{path}: expected image or PDF files in the folder, got none")
            found += in_natural_order(images)
    return list(dict.fromkeys(found))


def _check_outputs(inputs: list[str], *outputs: str | None) -> None:
    """Refuse outputs that would overwrite an input or each other."""
    paths = [Path(path) for path in outputs if path is not None]
    for path in paths:
        for file in inputs if path.exists() else ():
            if file != STDIN and is_same_file(path, file):
                raise ValueError(overwritten(path, file))
    if len(paths) == 2 and is_same_file(*paths):
        raise ValueError(f"{paths[0]}: expected a different file for each output, got one for two")


def _read_lexicon(path: str) -> list[str]:
    """The non-empty lines of a text file."""
    with open(path, "rb") as file:
        content = file.read(_MOST_TEXT + 1)
    if len(content) > _MOST_TEXT:
        raise ValueError(f"{path}: expected a lexicon of at most {_MOST_TEXT >> 20} MiB, got more")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected a text file in UTF-8, got other bytes") from None
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise ValueError(f"{path}: expected a number in each line, got an empty file")
    return texts


def _read(
    pages_of: Callable[[Any], Iterator[Any]], files: list[str], prints: bool
) -> Iterator[_Read]:
    """Each page of each file. Where one cannot be read, prints a message and gives no page."""
    is_quiet = not prints or not is_terminal(sys.stdout)
    with without_warnings_of_pillow(), FileProgress(len(files), is_shown=is_quiet) as progress:
        for file in files:
            number = n_pages = 1
            try:
                source = sys.stdin.buffer.read(MOST_BYTES + 1) if file == STDIN else Path(file)
                n_pages = Source(source).count_pages()
                for number, page in enumerate(pages_of(source), 1):
                    if prints:
                        progress.clear()
                    yield _Read(file, number, n_pages, page)
            except Exception as error:
                if not is_refusal(error):
                    raise
                progress.clear()
                is_of_system = isinstance(error, OSError)
                why = describe_os_error(error) if is_of_system else first_line(error)  # type: ignore[arg-type]
                say(f"digitcnn read: {why if file in why else f'{file}: {why}'}")
                yield _Read(file, number, n_pages, None)
            progress.step()
