"""The command line. Importing it prepares what must stand before every other import of `serve`: numbers and memory.

prometheus_client decides while it is imported whether several processes share their numbers, by an environment
variable that names a folder; so for `serve` that folder is made here, and removed when the process that made it ends.

Nearly all that is made while the service starts lives as long as the service: looking through it for garbage, again and
again while it grows, takes a fifth of the start. So the collector rests until `memory.settle_memory` lets it run.

structlog loads rich wherever it is installed, to colour logs for developers: 6 MB in every worker. The service writes JSON.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import tempfile

_SHARED_NUMBERS = "PROMETHEUS_MULTIPROC_DIR"


def _remove(folder: str, maker: int) -> None:
    if os.getpid() == maker:
        shutil.rmtree(folder, ignore_errors=True)


if "serve" in sys.argv[1:2]:
    gc.disable()
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  reads as "not installed"
    if _SHARED_NUMBERS not in os.environ:
        os.environ[_SHARED_NUMBERS] = tempfile.mkdtemp(prefix="spine-cds-numbers-")
        atexit.register(_remove, os.environ[_SHARED_NUMBERS], os.getpid())
