"""The server: a socket, one or more processes that answer requests on it, and their shutdown.

Processes are told to stop through pipes: on Windows a signal ends a process at once, in the middle
of its requests.
"""

import asyncio
import functools
import logging
import multiprocessing
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from digitcnn.web.app import make_app
from digitcnn.web.settings import Settings

_BACKLOG = 1024
_PAUSE = 0.1  # Seconds between two checks of the processes.
_GRACE = 5.0  # Seconds for a process to exit after its last request.


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that clients can connect to.

    Raises
    ------
    OSError
        If the address is not one of this machine's, or the port is in use or not permitted.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while")[0]
        raise OSError(f"{host}, port {port}: {why}. Try another --port or --host") from None
    except UnicodeError:
        raise OSError(f"{host}: expected the name of a host, got an invalid name") from None


def run_server(
    settings: Settings,
    listener: socket.socket,
    n_workers: int,
    ready: Callable[[], None],
    stopping: threading.Event | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM, then finish the requests that have started.

    On Windows, Ctrl-Break has the same effect.

    Parameters
    ----------
    settings : Settings
    listener : socket
        From `open_socket`.
    n_workers : int
        The number of processes.
    ready : callable
        Called once requests are answered.
    stopping : threading.Event or None, default=None
        Set by another thread to stop the server.

    Raises
    ------
    OSError, ValueError
        As `make_app`.
    """
    stopping = stopping or threading.Event()
    names = ("SIGINT", "SIGTERM", "SIGBREAK")
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {one: signal.getsignal(one) for one in signals}
    try:
        # uvicorn raises caught signals again after its shutdown; they must not end the process.
        for one in before:
            signal.signal(one, lambda *_: stopping.set())
        app = make_app(settings)  # Here, so that errors of the model are reported once.
        if n_workers == 1:
            Server(settings, app, ready, stopping).run(sockets=[listener])
        else:
            _run_many(settings, listener, n_workers, ready, stopping)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class Server(uvicorn.Server):
    """uvicorn's server with a callback when it is ready, and a way to stop it before that.

    Parameters
    ----------
    settings : Settings
    app : ASGI application
    ready : callable
    stopping : threading.Event or None, default=None
        Set by another thread, or by a signal that arrived before uvicorn had installed its
        handlers.
    """

    def __init__(
        self,
        settings: Settings,
        app: Any,
        ready: Callable[[], None],
        stopping: threading.Event | None = None,
    ) -> None:
        super().__init__(_configure(settings, app))
        self._ready = ready
        self._stopping = stopping or threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._stopping.is_set():
            self.should_exit = True
        elif self.started:
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        if self._stopping.is_set():
            self.should_exit = True
        is_over: bool = await super().on_tick(counter)
        return is_over


def _configure(settings: Settings, app: Any) -> uvicorn.Config:
    limits = settings.limits
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=functools.partial(_Protocol, header_seconds=limits.header_seconds),
        ws="none",
        lifespan="on",
        # No requests are logged. The application reports bugs itself, and older versions of uvicorn
        # print tracebacks of stopped workers.
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=round(limits.header_seconds),
        timeout_graceful_shutdown=round(limits.seconds) + 1,
    )


class _Protocol(H11Protocol):
    """HTTP/1.1 with time limits for slow clients.

    uvicorn limits the wait for a second request on a connection, but not for the first one, nor for
    the rest of a header. This class also limits the time for the rest of a body after its answer,
    and the time in which a client reads nothing of its answer.
    """

    def __init__(self, *arguments: Any, header_seconds: float, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._header_seconds = header_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        # A response's header and body are two packets; without this the second one waits 40 ms for
        # the first one's acknowledgement. asyncio sets it only for sockets that name a protocol.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in filter(None, (self._timer, self._stalled)):
            timer.cancel()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self._header_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

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
    settings: Settings,
    listener: socket.socket,
    n_workers: int,
    ready: Callable[[], None],
    stopping: threading.Event,
) -> None:
    """Run several processes, and replace those that end, until this one is told to stop."""
    # Spawned, not forked, so that they inherit no locks of other threads.
    context = multiprocessing.get_context("spawn")

    def start() -> tuple[Any, Any, Connection]:
        is_ready = context.Event()
        theirs, ours = context.Pipe(duplex=False)
        process = context.Process(
            target=_work, args=(settings, listener, is_ready.set, theirs), daemon=True
        )
        # A terminal's Ctrl-C reaches the workers too. One that still imports would print a
        # traceback, so a worker starts with the signal ignored, and hears of the end by its pipe.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, handler)
        theirs.close()
        return process, is_ready, ours

    workers = [start() for _ in range(n_workers)]
    is_reported = False
    try:
        while not stopping.wait(_PAUSE):
            for i, (process, is_ready, pipe) in enumerate(workers):
                if process.is_alive():
                    continue
                if not is_ready.is_set():
                    raise ChildProcessError(
                        f"a server process ended at its start, with exit status {process.exitcode}"
                    )
                pipe.close()
                workers[i] = start()
            if not is_reported and all(is_ready.is_set() for _, is_ready, _ in workers):
                is_reported = True
                ready()
    finally:
        for _, _, pipe in workers:
            pipe.close()
        for process, _, _ in workers:
            process.join(settings.limits.seconds + _GRACE)
            process.kill()


def _work(
    settings: Settings, listener: socket.socket, ready: Callable[[], None], pipe: Connection
) -> None:
    """Serve in a process of its own until the parent process closes its end of a pipe, or ends."""
    stopping = threading.Event()

    def wait_for_parent() -> None:
        with suppress(EOFError, OSError):
            pipe.recv_bytes()
        stopping.set()

    threading.Thread(target=wait_for_parent, daemon=True).start()
    run_server(settings, listener, 1, ready, stopping)
