"""The ASGI application: its routes and their handlers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from digitcnn.web.answers import Answers, File
from digitcnn.web.corrections import Corrections
from digitcnn.web.guard import Guard
from digitcnn.web.openapi import describe_api
from digitcnn.web.pages import page_routes
from digitcnn.web.problems import RequestError, answer_to, is_bug, report_bug
from digitcnn.web.settings import Settings
from digitcnn.web.uploads import Part, Uploads, split_form
from digitcnn.web.work import Pool

_FORM, _JSON = "multipart/form-data", "application/json"
_LONGEST = 1000  # Maximum length of an option in characters.
_FLAGS = {"": True, "1": True, "true": True, "0": False, "false": False}


def make_app(settings: Settings) -> ASGIApp:
    """The page and the API as an ASGI application.

    Parameters
    ----------
    settings : Settings

    Raises
    ------
    OSError, ValueError
        If the model cannot read pictures, or if corrections cannot be saved.
    """
    api = _Api(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            api.pool.close()

    async def tell(_: Request, error: Exception) -> Response:
        return answer_to(error)

    app = Starlette(
        routes=[*api.routes(), *page_routes()],
        exception_handlers={HTTPException: tell},
        lifespan=lifespan,
    )
    return Guard(app, settings)


class _Api:
    def __init__(self, settings: Settings) -> None:
        self._limits = settings.limits
        self._answers = Answers(settings.model)
        self._uploads = Uploads(settings.limits)
        self._corrections = None
        if settings.collect is not None:
            side = self._answers.side
            self._corrections = Corrections(settings.collect, side, settings.limits.collected)
        self._described = {
            **self._answers.describe(),
            "limits": {"body": self._limits.body, "pictures": self._limits.pictures},
            "collects": self._corrections is not None,
        }
        self._document = describe_api(settings)
        self.pool = Pool(settings.limits.threads, settings.limits.waiting)

    def routes(self) -> list[Route]:
        """The routes below ``/api/``, and the health check."""
        found = [
            Route("/api/read", _answered(self.read), methods=["POST"]),
            Route("/api/classify", _answered(self.classify), methods=["POST"]),
            Route("/api/model", _answered(self.model), methods=["GET"]),
            Route("/api/openapi.json", _answered(self.document), methods=["GET"]),
            Route("/healthz", _answered(self.health), methods=["GET"]),
        ]
        if self._corrections is not None:
            route = Route("/api/corrections", _answered(self.correct), methods=["POST"])
            found.append(route)
        return found

    async def read(self, request: Request) -> Any:
        """The numbers in pictures."""
        known: dict[str, Callable[[str], Any]] = {
            "line": _flag,
            "single": _flag,
            "length": _text,
            "pattern": _text,
            "max_error": _number,
        }
        settings = _options_of(request, known)
        line, single = settings.pop("line", False), settings.pop("single", False)
        if line and single:
            raise RequestError(422, "expected one of line and single, got both")
        if _type_of(request) == _JSON:
            raise RequestError(415, "expected a picture or multipart/form-data, got JSON")
        async with self._uploads.receive(request, self._limits.body) as body:
            pictures, template = self._files_of(request, body, "form")
            if template is None:
                settings["layout"] = "single" if single else "line" if line else "page"
                return await self.pool.run(self._answers.read, pictures, settings, self._limits)
            if settings or line or single:
                raise RequestError(422, "expected no options with a form: its template has them")
            read_forms = self._answers.read_forms
            return await self.pool.run(read_forms, pictures, template, self._limits)

    async def classify(self, request: Request) -> Any:
        """The label of each picture of a single digit."""
        options = _options_of(request, {"pixels": _flag})
        with_pixels = bool(options.get("pixels"))
        if _type_of(request) == _JSON:
            async with self._uploads.receive(request, self._limits.json) as body:
                most = self._limits.pictures
                return await self.pool.run(self._answers.classify_arrays, body, most, with_pixels)
        async with self._uploads.receive(request, self._limits.body) as body:
            pictures, _ = self._files_of(request, body)
            return await self.pool.run(self._answers.classify_files, pictures, with_pixels)

    async def correct(self, request: Request) -> Any:
        """Save a corrected digit."""
        _options_of(request, {})
        if _type_of(request) != _JSON:
            raise RequestError(415, f"expected {_JSON}, got {_type_of(request)[:40]!r}")
        assert self._corrections is not None
        async with self._uploads.receive(request, min(self._limits.json, 2**16)) as body:
            return await self.pool.run(self._corrections.add, body)

    async def model(self, request: Request) -> Any:
        """The model's description."""
        _options_of(request, {})
        return self._described

    async def document(self, request: Request) -> Any:
        """The API's OpenAPI document."""
        _options_of(request, {})
        return self._document

    async def health(self, request: Request) -> Any:
        """Whether the server answers requests."""
        _options_of(request, {})
        if self.pool.is_stuck(self._limits.seconds):
            raise RequestError(503, "all threads have been busy for longer than a request may take")
        return {"status": "ok"}

    def _files_of(
        self, request: Request, body: bytes, other: str | None = None
    ) -> tuple[list[File], bytes | None]:
        """The pictures of a body, which is a picture or a form, and another part of the form."""
        if _type_of(request) != _FORM:
            if not body:
                raise RequestError(422, "expected a picture, got an empty body")
            return [("picture", body)], None
        parts = split_form(body, request.headers["content-type"], self._limits.pictures)
        others = [part for part in parts if part.name == other]
        pictures = [part for part in parts if part.name != other]
        if len(others) > 1:
            raise RequestError(422, f"expected {other} once, got it {len(others)} times")
        return _pictures_of(pictures), others[0].content if others else None


def _pictures_of(parts: list[Part]) -> list[File]:
    other = next((part.name for part in parts if part.filename is None), None)
    if other is not None:
        raise RequestError(422, f"expected files in the form, got the field {other[:40]!r}")
    if not parts:
        raise RequestError(422, "expected a picture, got an empty form")
    return [(part.filename or "picture", part.content) for part in parts]


def _answered(
    handler: Callable[[Request], Awaitable[Any]],
) -> Callable[[Request], Awaitable[Response]]:
    """A handler that turns its errors into responses."""

    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request), headers={"Cache-Control": "no-store"})
        except ClientDisconnect:
            return Response(status_code=400)  # the client is gone
        except Exception as error:
            if is_bug(error):
                report_bug(error, request.url.path)
            return answer_to(error)

    return answer


def _type_of(request: Request) -> str:
    kind: str = request.headers.get("content-type", "").partition(";")[0]
    return kind.strip().lower()


def _options_of(request: Request, known: dict[str, Callable[[str], Any]]) -> dict[str, Any]:
    """The query's options, checked. Unknown ones are refused, so that typing errors are noticed."""
    found: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name not in known:
            expected = f"one of {', '.join(known)}" if known else "no options"
            raise RequestError(422, f"expected {expected} in the query, got {name[:40]!r}")
        if name in found:
            raise RequestError(422, f"expected {name} once, got it several times")
        found[name] = known[name](text)
    return found


def _text(text: str) -> str:
    if len(text) > _LONGEST:
        raise RequestError(422, f"expected at most {_LONGEST:,} characters, got {len(text):,}")
    return text


def _number(text: str) -> float:
    try:
        return float(_text(text))
    except ValueError:
        raise RequestError(422, f"expected a number, got {text[:40]!r}") from None


def _flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise RequestError(422, f"expected true or false, got {text[:40]!r}")
    return _FLAGS[text.lower()]
