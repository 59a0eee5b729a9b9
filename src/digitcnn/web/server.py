"""The server: a socket, a process or several that answer on it, and their end."""

import asyncio
import functools
import http.client
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from digitcnn.web.app import make_app
from digitcnn.web.settings import Settings

_BACKLOG = 1024


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that clients can connect to.

    Raises
    ------
    OSError
        If the address is none of this machine's, or the port is taken or not allowed.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while")[0]
        raise OSError(f"{host}, port {port}: {why}. Give another --port or --host") from None
    except UnicodeError:
        raise OSError(f"{host}: expected the name of a host, got something else") from None


def run_server(
    settings: Settings, listener: socket.socket, n_workers: int, ready: Callable[[], None]
) -> None:
    """Answer until Ctrl-C or SIGTERM; then finish what is under way.

    Parameters
    ----------
    settings : Settings
    listener : socket
        Of `open_socket`.
    n_workers : int
        How many processes answer.
    ready : callable
        Called when requests are answered.

    Raises
    ------
    OSError, ValueError
        As `make_app`.
    """
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        # Once it is done, uvicorn raises the signals that it has caught again. They end nothing.
        for one in before:
            signal.signal(one, lambda *_: None)
        if n_workers == 1:
            Server(settings, make_app(settings), ready).run(sockets=[listener])
        else:
            _run_many(settings, listener, n_workers, ready)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class Server(uvicorn.Server):
    """uvicorn's server, which tells when it is ready."""

    def __init__(self, settings: Settings, app: Any, ready: Callable[[], None]) -> None:
        super().__init__(_configure(settings, app))
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _configure(settings: Settings, app: Any, **more: Any) -> uvicorn.Config:
    limits = settings.limits
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=functools.partial(_Protocol, header_seconds=limits.header_seconds),
        ws="none",
        lifespan="on",
        # Nothing is logged of what is asked.
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=round(limits.header_seconds),
        timeout_graceful_shutdown=round(limits.seconds) + 1,
        **more,
    )


class _Protocol(H11Protocol):
    """HTTP/1.1, where a client has only some seconds to send a request's header.

    uvicorn waits for the first bytes of a second request, but not for those of the first one, nor
    for the rest of a header. What is still sent of a body after its answer is bounded the same way.
    """

    def __init__(self, *arguments: Any, header_seconds: float, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._header_seconds = header_seconds
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        is_asked = self.cycle is not None and not self.cycle.response_complete
        if is_asked and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        elif not is_asked and self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(self._header_seconds, self.transport.close)


def _run_many(
    settings: Settings, listener: socket.socket, n_workers: int, ready: Callable[[], None]
) -> None:
    make_app(settings)  # What is wrong with the model is told once, and here.
    # New processes, not forked ones: nothing is inherited that a thread has locked.
    config = _configure(
        settings, functools.partial(make_app, settings), factory=True, workers=n_workers
    )
    host, port = listener.getsockname()[:2]
    waiting = threading.Thread(target=_tell_when_ready, args=(host, port, ready), daemon=True)
    supervisor = Multiprocess(config, [listener])
    waiting.start()
    supervisor.run()


def _tell_when_ready(host: str, port: int, ready: Callable[[], None]) -> None:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    for _ in range(600):
        connection = http.client.HTTPConnection(reachable, port, timeout=5)
        try:
            connection.request("GET", "/healthz", headers={"Host": "localhost"})
            if connection.getresponse().status == 200:
                ready()
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
