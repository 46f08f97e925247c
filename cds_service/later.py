"""A module that is imported when it is first used: for what most processes never need. The only place that does so.

The service has to answer soon after its start, and its workers have to stay small. House tests read the names given to
Later like lines of import, so floors and the rooms of libraries hold for them too.
"""

from __future__ import annotations

import importlib
from typing import Any


class Later:
    """Stands for a module; asked for an attribute, it imports the module. Raises ImportError where there is none."""

    def __init__(self, module: str):
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._module), name)
