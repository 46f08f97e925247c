"""The command `spine-cds`: gathers the commands of the modules beside it."""

from __future__ import annotations

import click

from cds_service import __version__
from cds_service.cli import (
    explain_commands,
    handout_commands,
    integrator_commands,
    knowledge_commands,
    operate,
    publish_commands,
    serve,
    token_commands,
)

COMMAND_MODULES = (
    serve, explain_commands, handout_commands, operate, integrator_commands, knowledge_commands, publish_commands,
    token_commands,
)  # fmt: skip
"""Each has COMMANDS, a tuple of click commands."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="spine-cds")
def main() -> None:
    """Spine CDS: exercises that fit the phase after spine surgery, alerts that stop them.

    Exit codes: 0 fine, 1 our fault, 2 wrong usage, 3 faults in the input, 4 faults in the knowledge,
    5 faults in the settings, 6 store not available, 7 token refused.
    """


for module in COMMAND_MODULES:
    for one in module.COMMANDS:
        main.add_command(one)


if __name__ == "__main__":
    main()
