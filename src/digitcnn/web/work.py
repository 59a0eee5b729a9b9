"""Threads that read pictures, beside the one that talks to clients."""

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from digitcnn.web.problems import RequestError

_T = TypeVar("_T")
_RECENT = 0.1  # The weight of the last piece of work in the mean of how long one takes.


class Pool:
    """A bounded number of threads, and of work that waits for them.

    Work cannot be stopped once a thread does it. A client that gives up leaves its place in the
    queue, and where a thread is at work already, the place stays taken until the thread is done. So
    there is never more to do than was accepted. The threads end with the process, whatever they do.

    Parameters
    ----------
    n_threads : int
    n_waiting : int
        How many pieces of work may wait.
    """

    def __init__(self, n_threads: int, n_waiting: int) -> None:
        self._n_threads = n_threads
        self._most = n_threads + n_waiting
        self._n_accepted = 0
        self._seconds = 0.05
        self._busy_since: dict[int, float] = {}
        self._queue: SimpleQueue[Any] = SimpleQueue()
        for number in range(n_threads):
            name = f"digitcnn-reader-{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    async def run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """What a function returns, computed in a thread.

        Raises
        ------
        RequestError
            429, if too much is waiting.
        """
        if self._n_accepted >= self._most:
            raise RequestError(
                429,
                f"{self._n_accepted} requests are being answered or wait. Try again later",
                {"Retry-After": str(self.retry_after())},
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._n_accepted += 1
        self._queue.put((loop, future, function, arguments))
        return await future

    def retry_after(self) -> int:
        """In how many seconds all that is accepted now will be done."""
        return max(1, math.ceil(self._n_accepted * self._seconds / self._n_threads))

    def is_stuck(self, seconds: float) -> bool:
        """Whether every thread has been at one piece of work for longer than so many seconds."""
        since = list(self._busy_since.values())
        return len(since) == self._n_threads and time.monotonic() - max(since) > seconds

    def close(self) -> None:
        """Let the threads end when they have nothing to do."""
        for _ in range(self._n_threads):
            self._queue.put(None)

    def _work(self) -> None:
        own = threading.get_ident()
        while (given := self._queue.get()) is not None:
            loop, future, function, arguments = given
            result, error, seconds = None, None, None
            if not future.cancelled():
                start = self._busy_since[own] = time.monotonic()
                try:
                    result = function(*arguments)
                except BaseException as caught:
                    error = caught
                seconds = time.monotonic() - start
                del self._busy_since[own]
            with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
                loop.call_soon_threadsafe(self._settle, future, result, error, seconds)
            del given, future, function, arguments, result, error

    def _settle(
        self,
        future: "asyncio.Future[Any]",
        result: Any,
        error: BaseException | None,
        seconds: float | None,
    ) -> None:
        self._n_accepted -= 1
        if seconds is not None:
            self._seconds += _RECENT * (seconds - self._seconds)
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
