"""Checks of every request: its host and origin, its token, and its time limit."""

import asyncio
import hmac
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digitcnn.web.problems import RequestError, answer_to, too_slow
from digitcnn.web.settings import Settings, as_address, is_loopback

# A page loads everything from this server, and scripts and styles only from files.
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), usb=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
# The page's files contain no private data, and must load before the page can send a token.
_WITH_TOKEN = "/api/"


class Guard:
    """ASGI middleware around the application.

    Parameters
    ----------
    app : ASGI application
    settings : Settings
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._token = settings.token
        self._seconds = settings.limits.seconds
        names = {"localhost", settings.host, *settings.allowed_hosts}
        if not is_loopback(settings.host):
            names.add(socket.gethostname())
        self._hosts = {name.lower().rstrip(".") for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request; pass on other events."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_received = is_started = False

        async def watched_receive() -> Message:
            nonlocal is_received
            message = await receive()
            is_received = is_received or not message.get("more_body", False)
            return message

        async def safe_send(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        try:
            async with asyncio.timeout(self._seconds):
                try:
                    self._check(scope)
                except RequestError as problem:
                    await answer_to(problem)(scope, receive, safe_send)
                else:
                    await self._app(scope, watched_receive, safe_send)
        except TimeoutError:
            # If the answer has started, the server closes the connection.
            if not is_started:
                late = self._late(is_received)
                await answer_to(late)(scope, receive, safe_send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        is_open = not scope["path"].startswith(_WITH_TOKEN)
        if self._token is None or is_open:
            return
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode("utf-8", "surrogateescape"), self._token.encode()
        ):
            return
        raise RequestError(
            401,
            "expected the server's token, as 'Authorization: Bearer TOKEN', got "
            + ("another token" if token else "none"),
            {"WWW-Authenticate": "Bearer"},
        )

    def _check_host(self, headers: Headers) -> None:
        """Refuse host names that were rebound to this server [1]_, and pages of other sites.

        A numeric address is not a name, so it cannot be rebound.

        References
        ----------
        .. [1] C. Jackson, A. Barth, A. Bortz, W. Shao, D. Boneh, "Protecting browsers from DNS
           rebinding attacks", CCS 2007.
        """
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            raise RequestError(400, f"expected one header Host, got {len(hosts)}")
        host = hosts[0].strip().lower()
        name = _name_of(host)
        if name is None or (name.rstrip(".") not in self._hosts and as_address(name) is None):
            raise RequestError(
                421,
                f"expected the server's own name, got the Host {host[:100]!r}. To allow this name, "
                "start the server with --allow-host",
            )
        for origin in headers.getlist("origin"):
            if _host_of(origin.strip().lower()) != host:
                raise RequestError(403, f"expected this server's page, got {origin[:100]!r}")

    def _late(self, is_received: bool) -> RequestError:
        if is_received:
            return too_slow(self._seconds)
        return RequestError(
            408,
            f"expected the complete request within {self._seconds:g} seconds",
            {"Connection": "close"},
        )


def _name_of(host: str) -> str | None:
    """The name in a Host header without its port; None if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and "@" not in host else None


def _host_of(origin: str) -> str | None:
    """Host and port of an origin; None for other values, such as "null"."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc if parts.scheme in ("http", "https") else None
