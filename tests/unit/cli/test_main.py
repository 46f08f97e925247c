"""The command line as a whole: every command is found under its name, and `serve` loads only what serving needs."""

from __future__ import annotations

import subprocess
import sys

from cds_service.cli.main import COMMAND_MODULES, main

NOT_FOR_SERVING = (
    "alembic", "fhir.resources", "opentelemetry", "pint", "pydantic", "rich.markdown", "sqlalchemy.dialects.postgresql",
    "ucumvert",
)  # fmt: skip


def test_every_command_of_every_module_is_offered_under_its_own_name() -> None:
    of_modules = [one.name for module in dict.fromkeys(COMMAND_MODULES.values()) for one in module.COMMANDS]

    assert sorted(of_modules) == sorted(main.commands)
    assert all(main.commands[name].name == name for name in main.commands)


def test_to_serve_loads_no_library_that_only_others_need() -> None:
    look = "import sys, cds_service.cli.serve; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.split()

    assert "flask" in loaded
    assert [name for name in NOT_FOR_SERVING if name in loaded] == []
