"""The command `spine-cds`: gathers the commands of the modules beside it, each loaded when it is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from cds_service import __version__
from cds_service.later import Later

_SERVE = Later("cds_service.cli.serve")
_EXPLAIN = Later("cds_service.cli.explain_commands")
_HANDOUT = Later("cds_service.cli.handout_commands")
_OPERATE = Later("cds_service.cli.operate")
_INTEGRATOR = Later("cds_service.cli.integrator_commands")
_KNOWLEDGE = Later("cds_service.cli.knowledge_commands")
_PUBLISH = Later("cds_service.cli.publish_commands")
_TOKEN = Later("cds_service.cli.token_commands")

COMMAND_MODULES: dict[str, Later] = {
    "serve": _SERVE,
    "explain": _EXPLAIN, "classify": _EXPLAIN,
    "handout": _HANDOUT,
    "migrate": _OPERATE, "settings": _OPERATE,
    "call": _INTEGRATOR, "seed": _INTEGRATOR, "unseed": _INTEGRATOR, "conformance": _INTEGRATOR, "doctor": _INTEGRATOR,
    "check": _KNOWLEDGE, "diff": _KNOWLEDGE, "simulate": _KNOWLEDGE, "reference": _KNOWLEDGE,
    "export": _PUBLISH,
    "explain-token": _TOKEN,
}  # fmt: skip
"""Each module has COMMANDS, a tuple of click commands. The service need not load what only the others use."""


class _Commands(Mapping[str, click.Command]):
    """The commands by name; to ask for one loads its module."""

    def __getitem__(self, name: str) -> click.Command:
        return next(one for one in COMMAND_MODULES[name].COMMANDS if one.name == name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMAND_MODULES)

    def __len__(self) -> int:
        return len(COMMAND_MODULES)


@click.group(commands=_Commands(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="spine-cds")
def main() -> None:
    """Spine CDS: exercises that fit the phase after spine surgery, alerts that stop them.

    Exit codes: 0 fine, 1 our fault, 2 wrong usage, 3 faults in the input, 4 faults in the knowledge,
    5 faults in the settings, 6 store not available, 7 token refused.
    """


if __name__ == "__main__":
    main()
