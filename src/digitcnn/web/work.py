"""The threads that read pictures, besides the event loop's thread."""

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
_RECENT = 0.1  # The weight of the latest task in the moving average of their durations.


class Pool:
    """A fixed number of threads with a bounded queue of tasks.

    A task cannot be stopped once a thread runs it. If its client disconnects before that, the task
    is skipped; otherwise it counts as accepted until the thread is done. So the number of tasks
    never exceeds the limit. The threads end with the process, even in the middle of a task.

    Parameters
    ----------
    n_threads : int
    n_waiting : int
        The maximum number of waiting tasks.
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
        """Call a function in a thread, and return its result.

        Raises
        ------
        RequestError
            429 if too many tasks are waiting.
        """
        if self._n_accepted >= self._most:
            raise RequestError(
                429,
                f"{self._n_accepted} requests are running or waiting. Try again later",
                {"Retry-After": str(self.retry_after())},
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._n_accepted += 1
        self._queue.put((loop, future, function, arguments))
        return await future

    def retry_after(self) -> int:
        """The estimated time in seconds until all accepted tasks are done."""
        return max(1, math.ceil(self._n_accepted * self._seconds / self._n_threads))

    def is_stuck(self, seconds: float) -> bool:
        """Whether every thread has been running its task for longer than `seconds`."""
        since = list(self._busy_since.values())
        return len(since) == self._n_threads and time.monotonic() - max(since) > seconds

    def close(self) -> None:
        """End the threads after their tasks."""
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
            with contextlib.suppress(RuntimeError):  # the event loop may have ended
                loop.call_soon_threadsafe(self._finish, future, result, error, seconds)
            del given, future, function, arguments, result, error

    def _finish(
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
