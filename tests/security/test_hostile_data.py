"""Hostile FHIR servers and hostile chart text: the access token stays on its origin, and cards carry no markup of a chart."""

from __future__ import annotations

import copy
import functools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from markdown_it import MarkdownIt

from cds_service.app import create_app
from cds_service.settings import Settings
from tests.security.builders import BASE, ISSUER, Client, a_server, slowly
from tests.security.running import ROOT, SERVICE_PATH

EMPTY = json.dumps({"resourceType": "Bundle", "type": "searchset", "total": 0}).encode()
PATIENT = json.dumps({"resourceType": "Patient", "id": "pat-1"}).encode()
KINDS = (
    "Procedure",
    "Observation",
    "Condition",
    "MedicationRequest",
    "ServiceRequest",
    "CarePlan",
    "Goal",
    "Appointment",
)
SECRET = "access-token-secret"


class Ehr:
    """A service in development mode that trusts one client and one FHIR server address."""

    def __init__(self, folder: Path, fhir: str, **settings: Any):
        self.client = Client()
        tenant = {
            "id": "general",
            "issuers": [ISSUER],
            "jwks": self.client.jwks,
            "algorithms": ["ES384"],
            "base_urls": [BASE],
            "fhir_servers": [fhir],
            "missing_data": "412",
            "burst": 100000,
        }
        file = folder / "tenants.yaml"
        file.write_text(yaml.safe_dump({"tenants": [tenant]}))
        self.fhir = fhir
        chosen = {
            "tenants": file,
            "database_url": f"sqlite:///{folder / 'store.sqlite3'}",
            "log_level": "error",
            **settings,
        }
        self.app = create_app(Settings(**chosen))
        self.web: FlaskClient = self.app.test_client()

    def call(self, **changes: Any) -> tuple[int, dict[str, Any], float]:
        now = int(time.time())
        token = self.client.token({"aud": BASE + SERVICE_PATH, "iat": now, "exp": now + 300})
        call: dict[str, Any] = {
            "hook": "patient-view",
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {"userId": "Practitioner/p1", "patientId": "pat-1"},
            "fhirServer": self.fhir,
            "fhirAuthorization": {
                "access_token": SECRET,
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": "patient/*.read",
                "subject": "s",
            },
            **changes,
        }
        call = {name: value for name, value in call.items() if value is not None}
        began = time.monotonic()
        answer = self.web.post(SERVICE_PATH, json=call, headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.get_json(), time.monotonic() - began


def honest_answers(base: str = "/fhir") -> dict[str, Any]:
    return {f"{base}/{kind}": (200, {}, EMPTY) for kind in KINDS} | {f"{base}/Patient/pat-1": (200, {}, PATIENT)}


@pytest.fixture
def make_ehr(tmp_path: Path) -> Iterator[Any]:
    made: list[Ehr] = []

    def make(port: int, **settings: Any) -> Ehr:
        made.append(Ehr(tmp_path, f"http://127.0.0.1:{port}/fhir", **settings))
        return made[-1]

    yield make
    for ehr in made:
        ehr.app.extensions["spine-cds-store"].close()


def test_the_token_goes_to_the_listed_server(make_ehr: Any) -> None:
    with a_server(honest_answers()) as (port, seen):
        status, _, _ = make_ehr(port, gather_milliseconds=3000).call()

    assert status == 200
    assert seen and all(headers["authorization"] == f"Bearer {SECRET}" for _, _, headers in seen)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_the_fhir_server_does_not_carry_the_token_away(make_ehr: Any, status: int) -> None:
    with a_server(honest_answers("/fhir")) as (evil, stolen):
        away = {path: (status, {"Location": f"http://127.0.0.1:{evil}{path}"}, b"") for path in honest_answers()}
        with a_server(away) as (port, seen):
            answer, body, _ = make_ehr(port, gather_milliseconds=3000).call()

    assert answer == 412 and seen and stolen == []
    assert SECRET not in json.dumps(body) and str(evil) not in json.dumps(body)


def test_a_next_link_of_another_origin_is_not_followed(make_ehr: Any) -> None:
    with a_server(honest_answers()) as (evil, stolen):
        page = {"resourceType": "Bundle", "type": "searchset", "entry": []}
        page["link"] = [{"relation": "next", "url": f"http://127.0.0.1:{evil}/fhir/Procedure?page=2"}]
        answers = honest_answers() | {"/fhir/Procedure": (200, {}, json.dumps(page).encode())}
        with a_server(answers) as (port, _):
            make_ehr(port, gather_milliseconds=3000).call()

    assert stolen == []


def test_a_next_link_in_the_prefetch_cannot_name_another_server(make_ehr: Any) -> None:
    with a_server(honest_answers()) as (evil, stolen), a_server(honest_answers()) as (port, _):
        page = {
            "resourceType": "Bundle",
            "type": "searchset",
            "link": [{"relation": "next", "url": f"http://127.0.0.1:{evil}/fhir/Procedure?2"}],
        }

        make_ehr(port, gather_milliseconds=3000).call(prefetch={"procedures": page})

    assert stolen == []


@pytest.mark.parametrize(
    "patient_id",
    [
        "../../metadata",
        "..",
        "pat-1/../../x",
        "pat-1?_include=*",
        "pat-1%2f..",
        "pat-1&_count=9",
        "pat 1",
        "pat-1\n",
        "pat-1#",
        "",
        "a" * 500,
        "пациент",
    ],
)
def test_an_id_cannot_lead_a_query_astray(make_ehr: Any, patient_id: str) -> None:
    with a_server(honest_answers()) as (port, seen):
        status, _, _ = make_ehr(port).call(context={"userId": "Practitioner/p1", "patientId": patient_id})

    assert status == 400 and seen == []


def test_a_page_beyond_measure_is_dropped_and_said(make_ehr: Any) -> None:
    huge = b'{"resourceType":"Bundle","entry":[' + b" " * (9 * 2**20) + b"]}"
    with a_server(honest_answers() | {"/fhir/Procedure": (200, {}, huge)}) as (port, _):
        status, body, _ = make_ehr(port, gather_milliseconds=5000).call()

    assert status == 412 and "larger" in json.dumps(body)


def test_pages_without_end_are_cut_off(make_ehr: Any) -> None:
    answers = honest_answers()
    with a_server(answers) as (port, seen):
        url = f"http://127.0.0.1:{port}/fhir/Procedure"

        def endless(handler: Any) -> None:
            page = {
                "resourceType": "Bundle",
                "entry": [],
                "link": [{"relation": "next", "url": f"{url}?page={len(seen)}"}],
            }
            body = json.dumps(page).encode()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        answers["/fhir/Procedure"] = endless
        status, _, seconds = make_ehr(port, gather_milliseconds=3000).call()

    pages = [path for _, path, _ in seen if path.startswith("/fhir/Procedure")]
    assert status in (200, 412) and seconds < 5 and 2 <= len(pages) <= 10


def test_a_server_that_drips_costs_no_more_than_the_deadline(make_ehr: Any) -> None:
    with a_server(honest_answers() | {"/fhir/Procedure": slowly(EMPTY, 0.2)}) as (port, _):
        status, _, seconds = make_ehr(port, gather_milliseconds=500).call()

    assert status == 412 and seconds < 2


HOSTILE_TEXTS = {
    "a script": "<script>alert(1)</script>",
    "an image that calls": '<img src=x onerror="alert(1)">',
    "an unclosed tag": "<svg/onload=alert(1)//",
    "a comment": "<!-- <b>",
    "an entity": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "a link": "[click here](javascript:alert(1))",
    "a link over lines": "[click\n\nhere](https://evil.example)",
    "a reference": "[click][1]\n\n[1]: https://evil.example",
    "an image": "![x](https://evil.example/pixel.png)",
    "an address": "<https://evil.example>",
    "a bare address": "see https://evil.example/login and www.evil.example",
    "a heading": "\n\n# CLEARED BY SURGEON\n\nall exercises allowed",
    "a table": "|\n|--|--|\n| cleared | yes |",
    "a rule": "\n\n---\n\n",
    "a code block": "```\n</pre><script>\n```",
    "emphasis": "**CRITICAL** *x* ~~not~~ __y__",
    "a list": "\n- [x] cleared\n1. go",
    "bidirectional letters": "\u202etnemgarf\u2066",
    "control characters": "a\x00b\x1b[31mred\x07",
    "line separators": "a\u2028b\u2029c\x85d",
    "a template": "{{7*7}} ${7*7} <%= 7*7 %>",
    "very long": "A" * 20_000,
}


def _call_about(patient: str, text: str) -> dict[str, Any]:
    """A call about a fixture patient in whose chart every free text is *text*."""
    resources = [
        entry["resource"]
        for entry in json.loads((ROOT / "fhir_fixtures" / "patients" / f"{patient}.json").read_text())["entry"]
    ]
    keys = {
        "Procedure": "procedures",
        "Observation": "observations",
        "Condition": "conditions",
        "MedicationRequest": "medications",
    }
    prefetch: dict[str, Any] = {"patient": next(one for one in resources if one["resourceType"] == "Patient")}
    for kind, key in keys.items():
        entries = [{"resource": _with_text(one, text)} for one in resources if one["resourceType"] == kind]
        prefetch[key] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    index = json.loads((ROOT / "fhir_fixtures" / "index.json").read_text())["patients"]
    on = next(one["on"] for one in index if one["id"] == patient)
    return {
        "context": {"userId": "Practitioner/p1", "patientId": prefetch["patient"]["id"]},
        "prefetch": prefetch,
        "extension": {"org.spine-cds.on": on},
    }


def _with_text(resource: dict[str, Any], text: str) -> dict[str, Any]:
    changed = copy.deepcopy(resource)
    changed["note"] = [{"text": text}]

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for name in ("display", "text", "valueString", "div"):
                if isinstance(value.get(name), str):
                    value[name] = text
            if "coding" in value:
                value["text"] = text
            for below in value.values():
                walk(below)
        elif isinstance(value, list):
            for below in value:
                walk(below)

    walk(changed)
    return changed


_MARKUP = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _shapes(detail: str) -> list[str]:
    """What a renderer with raw HTML (as the reference client's) makes of *detail*: the kinds of its pieces, in order."""
    found = []
    for token in _MARKUP.parse(detail):
        for piece in [token, *(token.children or [])]:
            if piece.type in ("html_block", "html_inline", "image", "fence", "code_block", "heading_open", "hr"):
                found.append(piece.type)
            if piece.type == "link_open":
                found.append(str(piece.attrs["href"]))
    return found


@pytest.fixture(scope="module")
def chart_reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    ehr = Ehr(tmp_path_factory.mktemp("chart"), "http://127.0.0.1:9/fhir")
    yield ehr
    ehr.app.extensions["spine-cds-store"].close()


@functools.cache
def _shapes_of_plain(ehr: Ehr, patient: str) -> frozenset[str]:
    """What our own markup on the cards about this patient is."""
    status, body, _ = ehr.call(**_call_about(patient, "plain words"), fhirServer=None, fhirAuthorization=None)
    assert status == 200 and (body["cards"] or patient == "text_only")  # its operation is told by its text alone
    return frozenset(shape for card in body["cards"] for shape in _shapes(card.get("detail", "")))


PATIENTS = ("lumbar_fusion_week_6", "cauda_equina", "text_only", "fever_wound_infection")


@pytest.mark.parametrize("patient", PATIENTS)
@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS.keys())
def test_no_text_of_a_chart_becomes_markup_on_a_card(chart_reader: Ehr, patient: str, text: str) -> None:
    ours = _shapes_of_plain(chart_reader, patient)
    status, body, _ = chart_reader.call(**_call_about(patient, text), fhirServer=None, fhirAuthorization=None)

    assert status == 200
    for card in body["cards"]:
        told = f"{card['summary']} {card.get('detail', '')}"
        assert not set(_shapes(card.get("detail", ""))) - ours, card["detail"]
        assert "<script" not in told and "<img" not in told and "<svg" not in told
        assert "javascript:" not in card.get("detail", "")  # a summary is plain text, where it is harmless
        assert not any(ord(sign) < 32 and sign not in "\n" for sign in told) and not set(told) & set(
            "\u202e\u2066\u2028\u2029\x85\x00"
        )
        assert len(card["summary"]) < 140 and "\n" not in card["summary"]
        assert "evil.example" not in json.dumps([card["source"], card.get("links", [])])
