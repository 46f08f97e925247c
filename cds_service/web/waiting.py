"""Leaving the main loop: what a request says that cannot be answered there (see cli/patient_worker.py)."""

from __future__ import annotations

ON_THE_LOOP = "spine_cds.on_the_loop"
"""In the WSGI environment of a request that is answered on the main loop."""


class MustWait(BaseException):
    """This request cannot be answered without waiting: the server answers it again, in a thread.

    To be raised before the first thing that waits, and before anything is counted or kept. No Exception: what makes answers
    of errors must let it pass, for nothing was answered yet.
    """
