"""Errors as problem details [1]_.

References
----------
.. [1] M. Nottingham, E. Wilde, S. Dalal, "Problem Details for HTTP APIs", RFC 9457, 2023.
"""

import sys
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from digitcnn._utils.refusals import is_refusal
from digitcnn._utils.text import first_line

MEDIA_TYPE = "application/problem+json"


class RequestError(Exception):
    """A request that is answered with an error.

    Parameters
    ----------
    status : int
        The HTTP status.
    detail : str
        The message for the user.
    headers : mapping of str to str, default={}
        Headers of the response.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers: dict[str, str] = dict(headers or {})


def too_slow(seconds: float) -> RequestError:
    """The error of a request that takes longer than its time limit."""
    return RequestError(
        503,
        f"expected an answer within {seconds:g} seconds, got none. Try a smaller picture",
        {"Retry-After": "10"},
    )


def answer_to(error: Exception) -> JSONResponse:
    """The response to a request that failed.

    Parameters
    ----------
    error : exception
        A bug's message is not included.
    """
    problem = _as_problem(error)
    content = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    return JSONResponse(content, problem.status, problem.headers, MEDIA_TYPE)


def is_bug(error: Exception) -> bool:
    """Whether an error is a bug, not the client's or the system's."""
    return not isinstance(error, RequestError | HTTPException) and not is_refusal(error)


def report_bug(error: Exception, path: str) -> None:
    """Report a bug on standard error, without its message, which may contain what was read."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
    if sys.stderr is not None:
        print(f"digitcnn serve: {path}: {where}. This is a bug in digitcnn", file=sys.stderr)


def _as_problem(error: Exception) -> RequestError:
    if isinstance(error, RequestError):
        return error
    if isinstance(error, HTTPException):
        detail = {
            404: "there is nothing at this URL",
            405: "this URL does not support this method",
        }.get(error.status_code, error.detail)
        return RequestError(error.status_code, detail, error.headers)
    if isinstance(error, MemoryError):
        return RequestError(503, "there is not enough memory", {"Retry-After": "10"})
    if isinstance(error, OSError):
        return RequestError(500, f"error of the system: {error.strerror or type(error).__name__}")
    if isinstance(error, ImportError | ValueError) and is_refusal(error):
        return RequestError(422, first_line(error))
    return RequestError(500, "the request failed. This is a bug in digitcnn")
