"""Reading the command line: argparse, with every fault told in one sentence that names the nearest right word."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from yolact_temporal.errors import UsageError, advice_on_name

_NUMBER = re.compile(r"-\d*\.?\d+")
_KINDS = {"int": "a whole number", "float": "a number"}
_COUNTS = {"one": "a value", "at least one": "one value or more"}


class CommandParser(argparse.ArgumentParser):
    """A parser of one command, or of the whole command line, that raises what it finds wrong.

    Attributes:
        option_names: all its options.
        commands: its subcommands' parsers by name; empty where it has none.
    """

    def __init__(self, **settings: Any) -> None:
        self.option_names: list[str] = []
        self.commands: dict[str, CommandParser] = {}
        super().__init__(**settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Add an argument, as argparse does, and note its names."""
        action = super().add_argument(*names, **settings)
        self.option_names += action.option_strings
        return action

    def add_subparsers(self, **settings: Any) -> Any:
        """Add subcommands, as argparse does, and note them."""
        action = super().add_subparsers(**settings)
        self.commands = action.choices
        return action

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong, in words of our own.

        Raises:
            UsageError: always.
        """
        raise UsageError(_sentence(message, self.prog))

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return what arguments say.

        Raises:
            UsageError: if there is no such command or option, or argparse finds something else wrong.
        """
        self._require_known_names(arguments)
        return self.parse_args(arguments)

    def _require_known_names(self, arguments: Sequence[str]) -> None:
        """Refuse a command or option that there is not.

        Argparse does so too, but first complains of a required argument that only was misspelt.
        """
        parser = self
        for argument in arguments:
            if argument == "--":
                return
            if argument.startswith("-"):
                parser._require_option(argument)
            elif parser.commands:
                if argument not in parser.commands:
                    known = ", ".join(parser.commands)
                    advice = advice_on_name(argument, parser.commands, f"see `{parser.prog} --help`")
                    raise UsageError(f"expected a command out of {known}, got {argument!r}: {advice}")
                parser = parser.commands[argument]

    def _require_option(self, argument: str) -> None:
        name = argument.partition("=")[0]
        if argument == "-" or " " in name or _NUMBER.fullmatch(argument):
            return  # a value
        known = name in self.option_names
        if not known and name.startswith("--"):
            known = any(option.startswith(name) for option in self.option_names)
        if not known:
            advice = advice_on_name(name, self.option_names, f"`{self.prog} --help` lists them")
            raise UsageError(f"expected an option of {self.prog}, got {name}: {advice}")


def _sentence(message: str, command: str) -> str:
    """Return what argparse found wrong as one sentence: expected, got, what to do."""
    help_shows = f"`{command} --help` shows how"
    for pattern, sentence in (
        (
            r"argument (?P<name>\S+): invalid (?P<kind>int|float) value: (?P<got>.*)",
            "expected {kind} for {name}, got {got}: " + help_shows,
        ),
        (
            r"argument (?P<name>\S+): expected (?P<count>one|at least one) argument.*",
            "expected {count} after {name}, got none: " + help_shows,
        ),
        (
            r"argument (?P<name>\S+): ignored explicit argument (?P<got>.*)",
            "expected {name} without a value, got {got}: leave the value out",
        ),
        (
            r"ambiguous option: (?P<name>\S+) could match (?P<all>.*)",
            "expected one option, got {name}, which is short for several ({all}): write it in full",
        ),
        (r"the following arguments are required: (?P<all>.*)", "expected {all}, got none: " + help_shows),
        (
            r"unrecognized arguments: (?P<all>.*)",
            "expected no further arguments, got {all}: leave them out, or see `" + command + " --help`",
        ),
    ):
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found:
            parts = found.groupdict()
            parts["kind"] = _KINDS.get(parts.get("kind") or "", "")
            parts["count"] = _COUNTS.get(parts.get("count") or "", "")
            return sentence.format(**parts)
    return f"expected arguments that go together, got others ({message}): {help_shows}"
