"""Write the examples of openapi.yaml: what the service really answers to the calls in fhir_fixtures/.

    python tools/openapi_examples.py            writes them
    python tools/openapi_examples.py --check    fails where the file says something else than the service

Everything in the file from the line EXAMPLES on is made here; the rest is written by hand.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from cds_service.app import create_app
from cds_service.hooks import ALL_HOOKS
from cds_service.settings import Settings

ROOT = Path(__file__).parents[1]
FILE = ROOT / "openapi.yaml"
CALLS = ROOT / "fhir_fixtures" / "calls"
EXAMPLES = "  examples:\n"
REQUEST_ID = "0f22789908fb4a7bb54423fc84717591"
"""Stands for the id of the request, which is another one each time."""

NOON = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
FEEDBACK = {
    "feedback": [
        {
            "card": "278d98fe-e025-56ff-a970-208ec68379e1",
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": "7b074ad0-6e1d-51c5-aa56-0ce765812caf"}],
            "outcomeTimestamp": "2026-05-20T12:00:00Z",
        }
    ]
}


def _read(name: str) -> dict[str, Any]:
    return json.loads((CALLS / f"{name}.json").read_text(encoding="utf-8"))


def _trimmed(call: dict[str, Any]) -> dict[str, Any]:
    """The call with only the first resources of each prefetched Bundle: enough to see the shape."""
    prefetch = {}
    for key, value in call.get("prefetch", {}).items():
        if isinstance(value, dict) and len(value.get("entry", ())) > 1:
            value = value | {"entry": value["entry"][:1], "total": 1}
        prefetch[key] = value
    return call | {"prefetch": prefetch}


def examples() -> dict[str, Any]:
    """Ask the service; name -> Example Object."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{folder}/store.sqlite3", log_level="error")
        app = create_app(settings, clock=lambda: NOON)
        try:
            return _ask(app.test_client())
        finally:
            app.extensions["spine-cds-store"].close()


def _ask(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def keep(name: str, summary: str, value: Any) -> None:
        found[name] = {"summary": summary, "value": value}

    def answer(path: str, body: Any) -> Any:
        answered = client.post(path, json=body)
        told = answered.json
        if told.get("resourceType") == "OperationOutcome":
            return json.loads(answered.text.replace(told["id"], REQUEST_ID))
        return told

    keep("discovery", "All six services", client.get("/cds-services").json)
    for hook in ALL_HOOKS:
        call = _trimmed(_read(hook.hook))
        first, *rest = hook.hook.split("-")
        name = first + "".join(word.capitalize() for word in rest)
        keep(f"{name}Call", hook.title, call)
        keep(f"{name}Answer", f"The answer to {name}Call", answer(f"/cds-services/{hook.id}", call))
    view = f"/cds-services/{ALL_HOOKS[0].id}"
    call = _trimmed(_read("patient-view"))
    keep("badCall", "Every problem is named", answer(view, call | {"hookInstance": "7", "context": {"userId": "me"}}))
    keep("notFound", "No such service", answer("/cds-services/unknown", call))
    keep("dataMissing", "The procedures are in no reach", answer(view, call | {"prefetch": {}}))
    keep(
        "wrongPatient",
        "Data of another patient",
        answer(view, call | {"context": call["context"] | {"patientId": "other"}}),
    )
    refused = client.post(view, data="x", content_type="text/plain")
    keep("notJson", "A body of another type", json.loads(refused.text.replace(refused.json["id"], REQUEST_ID)))
    keep("feedback", "A suggestion was taken", FEEDBACK)
    keep("stored", "Stored; the card is none we noted", answer(f"{view}/feedback", FEEDBACK))
    for name in ("alive", "ready", "version"):
        keep(name, f"GET /{name}", client.get(f"/{name}").json)
    return found


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def rendered(by_hand: str) -> str:
    text = yaml.dump({"examples": examples()}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return by_hand + "".join(f"  {line}\n" for line in text.splitlines())


def main(arguments: list[str]) -> int:
    whole = FILE.read_text(encoding="utf-8")
    made = rendered(whole.partition("\n" + EXAMPLES)[0].rstrip("\n") + "\n")
    if "--check" in arguments:
        if made != whole:
            print(
                "openapi.yaml: the examples are not the service's answers; run python tools/openapi_examples.py",
                file=sys.stderr,
            )
            return 1
        return 0
    FILE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
