"""The argument parser: errors in one line, with a suggestion."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from typing import NoReturn

from digitcnn.architectures import ARCHITECTURES
from digitcnn.cli._output import say, show

COMMANDS = ("train", "evaluate", "predict", "read", "serve", "export", "info")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        choice = message.partition("invalid choice: '")[2].partition("'")[0]
        known = (*COMMANDS, "help", "version", *ARCHITECTURES)
        near = difflib.get_close_matches(choice, known, 1)
        hint = f". Did you mean {near[0]!r}?" if near else ""
        say(f"{self.prog}: {message}{hint} (see {self.prog} --help)")
        self.exit(2)

    def _print_message(self, message: str, file: object = None) -> None:
        """Print help to standard output with the errors of `show`, which argparse may swallow."""
        (show if file is sys.stdout else say)(message.rstrip("\n"))

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Refuse unknown arguments with a suggestion from the command that was given."""
        if args is not None and any(action.dest == "model" for action in self._actions):
            args = self._options_first(args)
        found, rest = super().parse_known_args(args, namespace)
        if not rest:
            return found, rest
        hint = ""
        if rest[0].startswith("-"):
            options = [option for option in self._option_string_actions if option != "-h"]
            near = difflib.get_close_matches(rest[0].partition("=")[0], options, 1)
            if "command" in found:
                hint = ". Put options after the command"
            elif near:
                hint = f". Did you mean {near[0]}?"
        elif "data" in found or "source" in found:
            hint = '. Name several files by a pattern in quotes, such as "part-*.csv"'
        self.error(f"unrecognized arguments: {' '.join(rest)}{hint}")

    def _options_first(self, args: Sequence[str]) -> list[str]:
        """The arguments with the options moved to the front.

        In `MODEL --json DATA`, where MODEL is optional, argparse before Python 3.13 assigns the
        first positional to DATA, because it does not look past the option.
        """
        options: list[str] = []
        others: list[str] = []
        left = list(args)
        while left:
            one = left.pop(0)
            if one == "--":
                others = ["--", *others, *left]
                break
            if len(one) < 2 or not one.startswith("-"):
                others.append(one)
                continue
            options.append(one)
            meant = [a for name, a in self._option_string_actions.items() if name.startswith(one)]
            if any(action.nargs is None for action in meant):
                if not left or (left[0].startswith("-") and len(left[0]) > 1):
                    return list(args)  # its value is missing: argparse reports that
                options.append(left.pop(0))
        return options + others
