"""HTML that notebooks show: pictures with what was read, and objects with their parameters."""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from digitcnn._utils.text import shorten

_SIDE = 800  # Pixels. The notebook's file keeps the picture, so that it has to be small.


def figure(image: Any, what: str, text: str) -> str:
    """A picture, and what was read in it.

    Parameters
    ----------
    image : PIL.Image.Image
        Reduced to 800 pixels on its longer side.
    what : str
        What the picture shows, for readers of its text alone.
    text : str
        What was read.
    """
    image = image.copy()
    image.thumbnail((_SIDE, _SIDE))
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    source = base64.b64encode(content.getvalue()).decode("ascii")
    text = escape(text)
    return (
        f'<figure style="margin: 0"><img alt="{escape(what)}: {text}" '
        f'width="{image.width}" height="{image.height}" style="max-width: 100%; height: auto" '
        f'src="data:image/png;base64,{source}"/><figcaption><pre>{text}</pre></figcaption></figure>'
    )


def details(name: str, what: str, *tables: str) -> str:
    """An object: its name, what it does, and tables, in a box that can be closed.

    Parameters
    ----------
    name, what : str
    *tables : str
        From `table`.
    """
    return (
        '<details open="open" style="border: 1px solid; border-radius: 0.4em; padding: 0.4em; '
        'width: fit-content; max-width: 100%; overflow-x: auto"><summary style="cursor: pointer">'
        f"<b>{escape(name)}</b> {escape(what)}</summary>{''.join(tables)}</details>"
    )


def table(caption: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; a row's first cell names the row.

    Parameters
    ----------
    caption : str
    names : sequence of str
        Of the columns.
    rows : iterable of sequence
    """
    left = 'style="text-align: left"'
    head = "".join(f'<th scope="col" {left}>{escape(name)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row" {left}>{escape(str(row[0]))}</th>'
        + "".join(f"<td {left}>{escape(str(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption {left}>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def parameter_table(parameters: dict[str, Any], changed: Iterable[str]) -> str:
    """The parameters of an object, and which of them are not at their default."""
    kept = frozenset(changed)
    rows = [
        (name, shorten(repr(value)), "set" if name in kept else "default")
        for name, value in parameters.items()
    ]
    return table("Parameters", ("name", "value", "from"), rows)
