"""The command line. Importing it prepares the one thing that must stand before every other import: shared numbers.

prometheus_client decides while it is imported whether several processes share their numbers, by an environment
variable that names a folder; so for `serve` that folder is made here, and removed when the process that made it ends.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

_SHARED_NUMBERS = "PROMETHEUS_MULTIPROC_DIR"


def _remove(folder: str, maker: int) -> None:
    if os.getpid() == maker:
        shutil.rmtree(folder, ignore_errors=True)


if "serve" in sys.argv[1:2] and _SHARED_NUMBERS not in os.environ:
    os.environ[_SHARED_NUMBERS] = tempfile.mkdtemp(prefix="spine-cds-numbers-")
    atexit.register(_remove, os.environ[_SHARED_NUMBERS], os.getpid())
