"""Processes that take turns: each works on request, while the others wait."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping


class Contender:
    """A process of this script that works on request.

    It is started with `arguments`, and with `environment` beside this process's own, and answers
    each line with a line: see `answer_lines`.
    """

    def __init__(self, *arguments: object, environment: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, sys.argv[0], *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def ask(self, line: object) -> str:
        print(line, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{' '.join(self.process.args)} ended early")
        return answer.rstrip("\n")

    def end(self) -> None:
        self.process.communicate()


def answer_lines(work: Callable[[str], object]) -> None:
    """Do the work of a contender's process: call `work` with each line that comes in."""
    for line in sys.stdin:
        print(work(line.rstrip("\n")), flush=True)
