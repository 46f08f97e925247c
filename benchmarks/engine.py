"""Where the time of one call goes, step by step, without HTTP. Processor time of this thread, so neighbours count little.

    python -m benchmarks.engine [observations ...]

Prints for each step the median over rounds in which every step takes its turn.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bodies import ON, SIZES, call_body
from cds_service.cards import cards_to_send
from cds_service.cli.memory import settle_memory
from cds_service.clinical.advise import advise_after
from cds_service.clinical.surgery.episodes import find_operations
from cds_service.hooks import PATIENT_VIEW
from cds_service.intake.prefetch import gather
from cds_service.intake.read import read_record
from cds_service.knowledge.load import load_knowledge
from cds_service.orders.call import CallFacts
from cds_service.respond import OBSERVATIONS_APART, Practice, needs_of
from cds_service.security.limits import check_depth
from cds_service.wire.request import read_call
from cds_service.wire.response import cards_body

CARDS = Path(__file__).resolve().parents[1] / "cards"
_SECONDS = 2.0


def steps(practice: Practice, body: bytes) -> dict[str, Callable[[dict[str, Any]], Any]]:
    """Give the steps of one call by name, in order; each takes what the earlier ones gave."""
    knowledge = practice.knowledge
    needs = needs_of(practice, PATIENT_VIEW)

    def collect(had: dict[str, Any]) -> Any:
        call = had["read the envelope"]
        return gather(call.prefetch, needs=needs, context=call.context, server=None, seconds=1.0, today=call.on)

    def record(had: dict[str, Any]) -> Any:
        gathered = had["decode the prefetch"]
        return read_record(gathered.pages, patient_id=had["read the envelope"].patient_id, gaps=gathered.gaps)

    def operations(had: dict[str, Any]) -> Any:
        return find_operations(had["sort the record"], knowledge, ON.date())

    def judge(had: dict[str, Any]) -> Any:
        return advise_after(had["find the operations"], had["sort the record"], knowledge, ON.date())

    def cards(had: dict[str, Any]) -> Any:
        call = had["read the envelope"]
        facts = CallFacts(
            hook=call.service.hook,
            patient_id=call.patient_id,
            at=ON,
            service_base_url=practice.base_url,
            card_secret=practice.card_key,
            hook_instance=call.hook_instance,
            user=call.context["userId"],
            encounter_id=call.context.get("encounterId"),
            orders=had["sort the record"].orders,
        )
        return cards_to_send(had["advise"], knowledge, facts)

    return {
        "read the envelope": lambda had: read_call(body, (PATIENT_VIEW,), True, check_depth, OBSERVATIONS_APART),
        "decode the prefetch": collect,
        "sort the record": record,
        "find the operations": operations,
        "advise": judge,
        "make the cards": cards,
        "write the answer": lambda had: cards_body(had["make the cards"]),
    }


def profile(practice: Practice, observations: int, seconds: float = _SECONDS) -> dict[str, float]:
    """Give the median milliseconds of each step for a body of so many Observations."""
    todo = steps(practice, call_body(observations))
    taken: dict[str, list[float]] = {name: [] for name in todo}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(taken["advise"]) < 5:
        had: dict[str, Any] = {}
        for name, step in todo.items():
            began = time.thread_time()
            had[name] = step(had)
            taken[name].append((time.thread_time() - began) * 1000)
    return {name: statistics.median(times) for name, times in taken.items()}


def main(sizes: list[int]) -> None:
    """Print a table: steps down, sizes across."""
    practice = Practice(load_knowledge(CARDS), "http://127.0.0.1:8000", b"measured", 0.4)
    settle_memory()
    found = {size: profile(practice, size) for size in sizes}
    print(f"{'milliseconds of processor time':<32}" + "".join(f"{f'N = {size}':>12}" for size in sizes))
    for name in next(iter(found.values())):
        print(f"{name:<32}" + "".join(f"{found[size][name]:>12.3f}" for size in sizes))
    print(f"{'together':<32}" + "".join(f"{sum(found[size].values()):>12.3f}" for size in sizes))


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or list(SIZES))
