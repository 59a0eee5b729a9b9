"""Pages as plain data with their doubtful numbers: the JSON of the command and the web API."""

from typing import Any

from digitcnn.reading.page import Number, Page


def is_doubtful(number: Number, min_confidence: float) -> bool:
    """Whether the confidence of a whole number is below that required of its digits."""
    return number.confidence < min_confidence


def described(page: Page, min_confidence: float) -> dict[str, Any]:
    """A page as plain data, with its doubtful numbers marked.

    Parameters
    ----------
    page : Page
    min_confidence : float
        Numbers with a lower confidence are doubtful. With 0 nothing is marked.
    """
    data = page.to_dict()
    if min_confidence:
        data["masked"] = page.masked(min_confidence)
        for line, part in zip(page.lines, data["lines"], strict=True):
            for number, one in zip(line.numbers, part["numbers"], strict=True):
                one["doubtful"] = is_doubtful(number, min_confidence)
    return data
