"""The page's files, served from memory: no path that a client sends is ever opened."""

import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import PurePath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
# Paths without a file's ending.
_NAMES = {"index.html": "/", "api.html": "/docs"}


def page_routes() -> list[Route]:
    """A route for each file of the page."""
    routes = []
    for file in (files("digitcnn") / "web" / "static").iterdir():
        media_type = _TYPES.get(PurePath(file.name).suffix)
        if media_type is not None:
            path = _NAMES.get(file.name, f"/{file.name}")
            routes.append(Route(path, _answer(file.read_bytes(), media_type), name=file.name))
    return routes


def _answer(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return answer
