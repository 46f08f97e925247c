"""Error class -> exit code, the same for every command; and how errors are told on a terminal."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import click

from cds_service.errors import (
    InputFaults,
    KnowledgeFaults,
    NotTrusted,
    SettingsFaults,
    SpineCdsError,
    StoreUnavailable,
)

OK = 0
BUG = 1
USAGE = 2
"""click's own code for a command line it cannot read."""

EXIT_CODES: dict[type[SpineCdsError], int] = {
    InputFaults: 3,
    KnowledgeFaults: 4,
    SettingsFaults: 5,
    StoreUnavailable: 6,
    NotTrusted: 7,
    SpineCdsError: BUG,
}
"""The nearest class of an error's ancestry decides."""

INPUT_FAULTS = EXIT_CODES[InputFaults]


def exit_code_of(error: SpineCdsError) -> int:
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def tells_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn our errors into lines on standard error and the right exit code; bugs keep their trace."""

    @functools.wraps(command)
    def run(*given: Any, **named: Any) -> Any:
        try:
            return command(*given, **named)
        except InputFaults as error:
            for fault in error.faults:
                click.echo(str(fault), err=True)
            sys.exit(exit_code_of(error))
        except SpineCdsError as error:
            click.echo(str(error), err=True)
            sys.exit(exit_code_of(error))

    return run
