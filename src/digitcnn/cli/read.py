"""``digitcnn read``: pictures to the numbers in them."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digitcnn._utils.atomic import atomic_write, is_same_file
from digitcnn._utils.text import first_line
from digitcnn.cli import is_refusal
from digitcnn.cli._common import check_files
from digitcnn.cli._files import find_paths
from digitcnn.cli._output import describe_os_error, printable, say, show
from digitcnn.cli._table import check_ending, write_table
from digitcnn.reading import DigitReader, Page
from digitcnn.tables.image_files import IMAGE_ENDINGS, without_warnings_of_pillow
from digitcnn.tables.image_sources import in_natural_order

_STDIN = "-"


def read(options: argparse.Namespace) -> int:
    """Read pictures, and print the numbers in them; 2 where one could not be read."""
    files = _find_pictures(options.pictures)
    check_files(model=options.model, outputs={"table": options.csv})
    if options.csv is not None:
        check_ending(options.csv)
    overlays = {} if options.overlay is None else _name_overlays(files, Path(options.overlay))
    _check_outputs(files, options.csv, overlays)
    layout = "single" if options.single else "line" if options.line else "page"
    reader = DigitReader(options.model, layout=layout)
    reader.load()
    pages: list[dict[str, Any]] = []
    rows: list[tuple[Any, ...]] = []
    n_bad = 0
    for file, page in _read(reader, files, options.region):
        if page is None:
            n_bad += 1
            continue
        if file in overlays:
            _draw(page, overlays[file], options.min_confidence)
        if options.json:
            pages.append({"file": file, **_described(page, options.min_confidence)})
        elif options.csv is None:
            _print(page, f"{printable(file)}: " if len(files) > 1 else "", options)
        for i, line in enumerate(page.lines, 1):
            box = (round(side, 1) for side in line.box)
            text = line.masked(options.min_confidence)
            rows.append((file, i, text, round(line.confidence, 4), *box))
    if options.csv is not None:
        names = ("file", "line", "text", "confidence", "x", "y", "width", "height")
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        write_table(options.csv, [{n: list(c) for n, c in zip(names, columns, strict=True)}])
    if options.json:
        show(json.dumps({"pages": pages, "failed": n_bad}))
    elif options.csv is not None:
        show(f"{len(rows):,} lines written to {options.csv}")
    if n_bad and len(files) > 1:
        say(f"digitcnn read: {n_bad:,} of {len(files):,} pictures could not be read")
    return 2 if n_bad else 0


def _find_pictures(names: list[str]) -> list[str]:
    """The image files that names, folders and patterns stand for."""
    found: list[str] = []
    for name in names:
        if name == _STDIN:
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
                if one.suffix.lower() in IMAGE_ENDINGS and one.is_file()
            ]
            if not images:
                raise ValueError(f"{path}: expected a folder with image files, got one without")
            found += in_natural_order(images)
    return list(dict.fromkeys(found))


def _name_overlays(files: list[str], folder: Path) -> dict[str, Path]:
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder for --overlay, got a file")
    named: dict[str, Path] = {}
    for file in files:
        name = "picture" if file == _STDIN else Path(file).name
        named[file] = folder / f"{name}.png"
    if len(set(named.values())) < len(named):
        raise ValueError(
            "expected pictures of different names with --overlay, got two of one name in "
            "different folders. Read each folder by itself"
        )
    return named


def _check_outputs(files: list[str], table: str | None, overlays: dict[str, Path]) -> None:
    """Refuse outputs that would take the place of a picture or of each other."""
    outputs = [*overlays.values(), *([] if table is None else [Path(table)])]
    present = [path for path in outputs if path.exists()]
    for path in present:
        for file in files:
            if file != _STDIN and is_same_file(path, file):
                raise ValueError(
                    f"{path}: is read by this command ({file}), and would be overwritten. Give "
                    "the output another name or folder"
                )


def _read(
    reader: DigitReader, files: list[str], region: tuple[int, int, int, int] | None
) -> Iterator[tuple[str, Page | None]]:
    """Each file with its page; None, after a message, for one that cannot be read."""
    with without_warnings_of_pillow():
        for file in files:
            try:
                source = sys.stdin.buffer.read() if file == _STDIN else Path(file)
                page = reader.read(source, region=region)
            except Exception as error:
                if not is_refusal(error):
                    raise
                is_of_system = isinstance(error, OSError)
                why = describe_os_error(error) if is_of_system else first_line(error)  # type: ignore[arg-type]
                say(f"digitcnn read: {why if file in why else f'{file}: {why}'}")
                yield file, None
            else:
                yield file, page


def _print(page: Page, start: str, options: argparse.Namespace) -> None:
    for line in page.lines:
        show(f"{start}{line.masked(options.min_confidence)}")
    if not page.lines:
        say(f"digitcnn read: {start}no number found")


def _described(page: Page, min_confidence: float) -> dict[str, Any]:
    described = page.to_dict()
    if min_confidence:
        described["masked"] = page.masked(min_confidence)
    return described


def _draw(page: Page, path: Path, min_confidence: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = page.draw(min_confidence or 0.9)
    atomic_write(path, lambda file: image.save(file, format="PNG"))
