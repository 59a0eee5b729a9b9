"""What was read as plain data, with what is doubtful in it: the JSON of the command and the API."""

from typing import Any

from digitcnn.reading.page import Number, Page


def is_doubtful(number: Number, min_confidence: float) -> bool:
    """Whether a number is less sure as a whole than its digits are to be."""
    return number.confidence < min_confidence


def described(page: Page, min_confidence: float) -> dict[str, Any]:
    """A page as plain data, with what is doubtful where that is asked for.

    Parameters
    ----------
    page : Page
    min_confidence : float
        What is less sure is doubtful; 0 asks for nothing of that.
    """
    data = page.to_dict()
    if min_confidence:
        data["masked"] = page.masked(min_confidence)
        for line, part in zip(page.lines, data["lines"], strict=True):
            for number, one in zip(line.numbers, part["numbers"], strict=True):
                one["doubtful"] = is_doubtful(number, min_confidence)
    return data
