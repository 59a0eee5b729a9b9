"""Names and texts in errors, shortened."""

from collections.abc import Sequence


def some_of(names: Sequence[str], n: int | None = None) -> str:
    """The first few of the names, for an error; `n` is how many there are."""
    n = len(names) if n is None else n
    if not n:
        return "none"
    shown = ", ".join(shorten(repr(name)) for name in names[:5])
    return shown if n <= 5 else f"{shown} and {n - 5} more"


def shorten(text: str) -> str:
    """A text, for an error, without its middle where it is long."""
    return text if len(text) <= 60 else f"{text[:40]}...{text[-10:]}"


def first_line(error: Exception) -> str:
    """What an error says, without the lines after the first."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
