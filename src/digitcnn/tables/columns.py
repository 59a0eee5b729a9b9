"""The pixel columns of a table, found by their names."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from digitcnn._typing import ColumnName
from digitcnn._utils.text import shorten, some_of
from digitcnn.tables.csv_reader import Layout

# Numbers in names; longer numbers are not counters.
_NUMBERS = re.compile(r"(?<![0-9])([0-9]{1,15})(?![0-9])")


def find_pixel_columns(
    names: Sequence[str], label: ColumnName = "label", source: str = ""
) -> list[str]:
    """Pick the pixel columns by their names, and put them in the order of the picture.

    Names that differ only in their numbers belong together (``pixel0`` to ``pixel783``, ``0`` to
    ``783``, ``1x1`` to ``28x28``). The largest such family is the pixels, ordered by number, row
    before column. Other columns are ignored. If there is no family, every column except the label
    and unnamed columns is a pixel, in the order of the table.

    Parameters
    ----------
    names : sequence of str
        Names of all columns.
    label : object, default="label"
        Name of the label column.
    source : str, default=""
        Source of the names, for error messages.

    Returns
    -------
    list of str
        Names of the pixel columns.

    Raises
    ------
    ValueError
        If there is no pixel column, a number is missing, or two families are equally large.

    Examples
    --------
    >>> find_pixel_columns(["id", "pixel10", "label", *(f"pixel{i}" for i in range(10))])[-2:]
    ['pixel9', 'pixel10']
    """
    where = f"{source}: " if source else ""
    others = [
        name for name in names if (label is None or name != str(label)) and not _is_index(name)
    ]
    if not others:
        raise ValueError(f"{where}expected pixel columns, got only {some_of(names)}")
    split = {name: _NUMBERS.split(name) for name in others}
    # The text between the numbers; a name without numbers belongs to no family.
    families = Counter(tuple(parts[::2]) for parts in split.values() if len(parts) > 1)
    (family, size), *rest = [*families.most_common(2), ((), 0)][:2] if families else [((), 0)]
    if size < 2:
        return others
    if rest and rest[0][1] == size:
        raise ValueError(
            f"{where}columns named like {_pattern(family)} and like {_pattern(rest[0][0])} are "
            f"equally many ({size}); which are the pixels cannot be told. Drop the others."
        )
    numbered = {
        tuple(map(int, parts[1::2])): name
        for name, parts in split.items()
        if tuple(parts[::2]) == family
    }
    if len(numbered) < size:
        raise ValueError(f"{where}two pixel columns have the same number (as in '1' and '01').")
    _check_no_gaps(numbered, family, where, label)
    return [numbered[number] for number in sorted(numbered)]


def is_order_named(names: Sequence[str]) -> bool:
    """Whether the pixel columns of `find_pixel_columns` are ordered by numbers in their names.

    Otherwise they have the order of the table.
    """
    families = {tuple(_NUMBERS.split(name)[::2]) for name in names}
    return len(families) == 1 and len(families.pop()) > 1


def _is_index(name: str) -> bool:
    """Whether a column has no name, or pandas' name for an unnamed column (row numbers)."""
    return not name or re.fullmatch(r"Unnamed: [0-9]+", name) is not None


def _pattern(family: tuple[str, ...]) -> str:
    return shorten(repr("#".join(family)))


def text_names(names: Any) -> list[str]:
    """Names as text, so that 0 in a DataFrame and "0" in a file are the same column."""
    return [str(name) for name in names]


def layout_of(
    names: list[str],
    label: ColumnName,
    columns: Sequence[str] | None,
    with_labels: bool,
    source: str,
) -> Layout:
    """Find the positions of the pixels and of the label in a table's rows.

    Parameters
    ----------
    names : list of str
        All columns of the table.
    label : object
        Name of the label column.
    columns : sequence of str or None
        The pixel columns; None finds them by their names.
    with_labels : bool
        Whether a label column is required.
    source : str
        Name of the table in error messages.

    Raises
    ------
    ValueError
        If names are repeated, or columns are missing.
    """
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(
            f"{source}: expected unique column names, got some more than once: "
            f"{some_of(repeated)}. Is there a header line?"
        )
    position = {name: i for i, name in enumerate(names)}
    pixels = find_pixel_columns(names, label, source) if columns is None else list(columns)
    missing = [name for name in pixels if name not in position]
    if missing:
        raise ValueError(f"{source}: pixel columns are missing: {some_of(missing)}.")
    if with_labels and str(label) not in position:
        taken = set(pixels)
        raise ValueError(
            f"{source}: expected a label column {str(label)!r}, got, beside the pixels, "
            f"{some_of([name for name in names if name not in taken])}. Name the label's column: "
            "label=NAME, or --label NAME in the command"
        )
    label_at = position[str(label)] if with_labels else None
    at = [position[name] for name in pixels]
    in_a_row = at == list(range(at[0], at[0] + len(at)))
    # A slice gives a view where a list would copy.
    where = slice(at[0], at[0] + len(at)) if in_a_row else at
    return Layout(len(names), where, label_at, pixels)


def _check_no_gaps(
    numbered: dict[tuple[int, ...], str], family: tuple[str, ...], where: str, label: Any
) -> None:
    axes = [range(1 if min(axis) else 0, max(axis) + 1) for axis in zip(*numbered, strict=True)]
    n_missing = math.prod(map(len, axes)) - len(numbered)
    if n_missing:
        gaps = (number for number in _count_up(axes) if number not in numbered)
        few = []
        for number in itertools.islice(gaps, 5):
            words = itertools.chain(*zip(family, map(str, number), strict=False))
            few.append("".join((*words, family[-1])))
        hint = " Is there a header line?" if set(family) == {""} else ""
        if label is not None and str(label) in few:
            hint = f" {str(label)!r} is taken for the label; give the name of another column."
        raise ValueError(
            f"{where}pixel columns are missing: {some_of(few, n_missing)} "
            f"({len(numbered)} columns are named like {_pattern(family)}).{hint}"
        )


def _count_up(axes: list[range]) -> Iterator[tuple[int, ...]]:
    """As `itertools.product`, without storing the numbers of every axis."""
    number = [axis.start for axis in axes]
    while True:
        yield tuple(number)
        for i in reversed(range(len(axes))):
            number[i] += 1
            if number[i] < axes[i].stop:
                break
            number[i] = axes[i].start
        else:
            return


def check_same_columns(path: Path, here: list[str], first: Path, expected: list[str]) -> None:
    """Refuse a file whose columns differ from the first one's; their order may differ."""
    lacking = [name for name in expected if name not in set(here)]
    extra = [name for name in here if name not in set(expected)]
    if lacking:
        raise ValueError(f"{path}: columns that {first} has are missing: {some_of(lacking)}.")
    if extra:
        raise ValueError(f"{path}: there are columns that {first} lacks: {some_of(extra)}.")
