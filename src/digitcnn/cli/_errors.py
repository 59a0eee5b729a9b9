"""Errors as the command reports them: one line, in the words of its options."""

import re
from collections.abc import Mapping

from digitcnn._utils.refusals import is_refusal
from digitcnn.cli._output import describe_os_error


def describe(error: Exception, options: Mapping[str, str], data: str | None = None) -> str:
    """An error in one line.

    Parameters
    ----------
    error : Exception
    options : mapping of str to str
        The option of each parameter, such as ``{"init": "--from"}``.
    data : str or None, default=None
        The command's DATA, which messages for Python call X.
    """
    if isinstance(error, OSError) and str(error):
        return in_options(describe_os_error(error), options)
    message = " ".join(str(error).split())
    if data is not None and message.startswith("X has "):
        message = data + message.removeprefix("X")
    if isinstance(error, MemoryError):
        kind = "there is not enough memory"
    elif message and is_refusal(error):
        return in_options(message, options)
    else:
        kind = type(error).__name__
    return f"{kind}: {message}" if message else kind


def in_options(message: str, options: Mapping[str, str]) -> str:
    """A message with the parameters that it names as options of the command.

    Most of the package speaks to Python programs, as in "expected epochs to be ..." or "give
    pixel_range=(low, high)". Parameters that the command has no option for are said to be Python's.

    Parameters
    ----------
    message : str
    options : mapping of str to str
        As for `describe`.

    Examples
    --------
    >>> from digitcnn.cli._errors import in_options
    >>> in_options("got init='a.digitcnn'. Try a smaller learning_rate", {"init": "--from"})
    "got --from 'a.digitcnn'. Try a smaller learning_rate"
    """
    from digitcnn._utils.parameters import RULES  # NumPy is slow to import

    for name, option in options.items():
        if option in message:  # it speaks to both
            continue
        message = re.sub(rf"(?<![\w./-]){name}=(?=\S)", f"{option} ", message)
        if "_" in name:  # no word of English
            message = re.sub(rf"(?<![\w./'\"-]){name}(?![\w./'\"=-])", option, message)
    found = dict.fromkeys(re.findall(r"(?<![\w./-])([a-z_]+)=(?=\S)", message))
    others = [name for name in found if name in RULES]
    if not others:
        return message
    what = "a parameter" if len(others) == 1 else "parameters"
    return f"{message} ({' and '.join(others)}: {what} of DigitCNNClassifier in Python)"
