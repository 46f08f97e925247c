"""The main loop of the server answers what asks nobody else; an answer that has to wait leaves it before it waits."""

from __future__ import annotations

from flask import request

ON_THE_LOOP = "spine_cds.on_the_loop"
"""In the WSGI environment of a request that is answered on the main loop."""


class MustWait(BaseException):
    """This request cannot be answered without waiting: the server answers it again, in a thread.

    No Exception: what makes answers of errors must let it pass, for nothing was answered yet.
    """


def leave_the_loop() -> None:
    """Before the first thing that waits, and before anything is counted or kept.  Raises MustWait on the main loop."""
    if request.environ.get(ON_THE_LOOP):
        raise MustWait
