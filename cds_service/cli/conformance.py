"""A CDS Hooks checker for any service: what it answers, held against the rules of 2.0 (and 3.0 where it is stricter).

Talks HTTP only and knows nothing of our own service. Sends invented data, never a real patient's.
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import requests

TIMEOUT_SECONDS = 10
SUMMARY_LIMIT = 140

SECTIONS = {
    "B1": "Bodies", "B2": "Extensions", "D1": "Discovery", "D2": "Discovery response", "D4": "Prefetch tokens",
    "D5": "Prefetch query restrictions", "C1": "HTTP request", "C2": "Passing an access token", "C3": "Calling a CDS service",
    "C4": "Providing prefetch", "C5": "Prefetch: required data", "C6": "Response time", "C7": "HTTP status codes",
    "R1": "CDS service response", "R2": "Card attributes", "R3": "Source", "R4": "Suggestions", "R5": "Suggestion", "R6": "Action",
    "R7": "Override reasons", "R8": "Link", "R9": "System actions", "F1": "Feedback", "F2": "Feedback", "F3": "Feedback",
    "J1": "Trusting CDS clients", "J4": "Signed JWT", "J7": "CORS",
}  # fmt: skip

KNOWN_HOOKS: dict[str, dict[str, Any]] = {
    "patient-view": {"userId": "Practitioner/example", "patientId": "conformance-patient"},
    "encounter-start": {"userId": "Practitioner/example", "patientId": "conformance-patient", "encounterId": "e1"},
    "encounter-discharge": {"userId": "Practitioner/example", "patientId": "conformance-patient", "encounterId": "e1"},
    "order-select": {
        "userId": "Practitioner/example",
        "patientId": "conformance-patient",
        "selections": ["ServiceRequest/d1"],
    },
    "order-sign": {"userId": "Practitioner/example", "patientId": "conformance-patient"},
    "appointment-book": {"userId": "Practitioner/example", "patientId": "conformance-patient"},
}
DRAFT = {
    "resourceType": "ServiceRequest", "id": "d1", "status": "draft", "intent": "order",
    "code": {"text": "Exercise therapy"}, "subject": {"reference": "Patient/conformance-patient"},
}  # fmt: skip
APPOINTMENT = {
    "resourceType": "Appointment", "id": "a1", "status": "proposed",
    "participant": [{"actor": {"reference": "Patient/conformance-patient"}, "status": "needs-action"}],
}  # fmt: skip
TOKEN_2_0 = re.compile(r"^(context\.[A-Za-z][A-Za-z0-9]*|user(Practitioner|PractitionerRole|Patient|RelatedPerson)Id)$")
ARRAY_OR_NULL_EXCEPTIONS = {"cards", "services"}


@dataclass(frozen=True, slots=True)
class Result:
    """One checked rule: *outcome* is pass, fail, warn or skip; *found* what the service did; *fix* what to do about it."""

    rule: str
    outcome: str
    what: str
    found: str = ""
    fix: str = ""

    @property
    def section(self) -> str:
        return SECTIONS.get(self.rule, "")


class Checker:
    """Checks one service. *base_url* is what stands before `/cds-services`.

    *sign* gives the Authorization header value for a URL where the service wants a token; None where it does not.
    """

    def __init__(self, base_url: str, origin: str, sign: Callable[[str], str] | None = None):
        self.base_url = base_url.rstrip("/").removesuffix("/cds-services")
        self.origin = origin
        self.sign = sign
        self.http = requests.Session()

    def run(self) -> Iterator[Result]:
        """Yield the results in the order of the specification; network failures become failed results."""
        answer = self._get("/cds-services")
        yield from self._discovery(answer)
        services = self._services(answer)
        for service in services:
            yield from self._lint_service(service)
        yield from self._pairs(services)
        for service in services:
            yield from self._calls(service)
        yield from self._errors(services)
        yield from self._feedback(services)
        yield from self._cors(services)
        yield from self._tokens()

    # -- HTTP --------------------------------------------------------------------------------------------------

    def _headers(self, url: str) -> dict[str, str]:
        return {"Authorization": self.sign(url)} if self.sign else {}

    def _send(self, method: str, path: str, **options: Any) -> requests.Response | None:
        url = self.base_url + path
        headers = {**self._headers(url), **options.pop("headers", {})}
        try:
            return self.http.request(
                method, url, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False, **options
            )
        except requests.RequestException:
            return None

    def _get(self, path: str) -> requests.Response | None:
        return self._send("GET", path, headers={"Accept": "application/json"})

    def _post(self, path: str, body: Any) -> requests.Response | None:
        return self._send("POST", path, json=body)

    # -- discovery ---------------------------------------------------------------------------------------------

    def _discovery(self, answer: requests.Response | None) -> Iterator[Result]:
        if answer is None:
            yield Result(
                "D1",
                "fail",
                "discovery answers",
                "no HTTP answer",
                f"is {self.base_url}/cds-services reachable from here?",
            )
            return
        yield _judge(
            "D1",
            answer.status_code == 200,
            "GET /cds-services is 200",
            str(answer.status_code),
            "publish the discovery at {base}/cds-services",
        )
        media = answer.headers.get("Content-Type", "")
        yield _judge(
            "B1",
            media.startswith("application/json"),
            "discovery is application/json",
            media or "no content type",
            "send Content-Type: application/json",
        )
        body = _json(answer)
        listed = isinstance(body, dict) and isinstance(body.get("services"), list)
        yield _judge(
            "D1",
            listed,
            'body is {"services": [...]}',
            type(body).__name__,
            "answer an object with the array `services`",
        )
        if listed:
            yield _judge(
                "B1",
                not list(_empties(body)),
                "no null, empty string, array or object",
                ", ".join(_empties(body)),
                "leave absent fields out",
            )
        head = self._send("HEAD", "/cds-services")
        yield _judge(
            "D1",
            head is not None and head.status_code in (200, 204),
            "HEAD on discovery",
            _status(head),
            "answer HEAD like GET, without a body",
            warn=True,
        )

    def _services(self, answer: requests.Response | None) -> list[dict[str, Any]]:
        body = _json(answer) if answer is not None else None
        listed = body.get("services") if isinstance(body, dict) else None
        return [one for one in listed or [] if isinstance(one, dict) and isinstance(one.get("id"), str)]

    def _lint_service(self, service: dict[str, Any]) -> Iterator[Result]:
        name = service["id"]
        for field in ("hook", "description", "id"):
            yield _judge(
                "D2",
                isinstance(service.get(field), str) and bool(service[field]),
                f"{name}: {field}",
                repr(service.get(field)),
                f"`{field}` is a required text",
            )
        yield _judge(
            "D2",
            isinstance(service.get("title"), str),
            f"{name}: title",
            repr(service.get("title")),
            "give a human-friendly title",
            warn=True,
        )
        yield _judge(
            "D1",
            re.fullmatch(r"[A-Za-z0-9._~-]+", name) is not None,
            f"{name}: id is safe in a URL",
            name,
            "use letters, digits and . _ ~ -",
            warn=True,
        )
        prefetch = service.get("prefetch", {})
        yield _judge(
            "D2",
            isinstance(prefetch, dict) and all(isinstance(one, str) for one in prefetch.values()),
            f"{name}: prefetch maps keys to templates",
            type(prefetch).__name__,
            "each value is a query template",
        )
        for key, template in prefetch.items() if isinstance(prefetch, dict) else ():
            if isinstance(template, str):
                yield from _lint_template(name, key, template)

    def _pairs(self, services: list[dict[str, Any]]) -> Iterator[Result]:
        pairs = [(one["id"], one.get("hook")) for one in services]
        twice = sorted({f"{one[0]} on {one[1]}" for one in pairs if pairs.count(one) > 1})
        yield _judge("D2", not twice, "id and hook are unique together", ", ".join(twice), "list each id once per hook")

    # -- calls -------------------------------------------------------------------------------------------------

    def _call(self, service: dict[str, Any], **changes: Any) -> dict[str, Any]:
        hook = service.get("hook", "")
        context = dict(KNOWN_HOOKS.get(hook, KNOWN_HOOKS["patient-view"]))
        if hook.startswith("order-s"):
            context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": DRAFT}]}
        if hook == "appointment-book":
            context["appointments"] = {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": APPOINTMENT}],
            }
        call = {
            "hook": hook,
            "hookInstance": str(uuid.uuid4()),
            "context": context,
            "prefetch": self._empty_prefetch(service),
        }
        call.update(changes)
        return {key: value for key, value in call.items() if value is not _LEFT_OUT}

    def _empty_prefetch(self, service: dict[str, Any]) -> dict[str, Any]:
        filled: dict[str, Any] = {}
        for key, template in service.get("prefetch", {}).items():
            kind = re.match(r"[A-Za-z]+", str(template))
            if "/" in str(template).split("?")[0]:
                filled[key] = {"resourceType": kind.group(0) if kind else "Patient", "id": "conformance-patient"}
            else:
                filled[key] = {"resourceType": "Bundle", "type": "searchset", "total": 0}
        return filled

    def _calls(self, service: dict[str, Any]) -> Iterator[Result]:
        name, path = service["id"], f"/cds-services/{service['id']}"
        if service.get("hook") not in KNOWN_HOOKS:
            yield Result("C3", "skip", f"{name}: a call", f"the hook {service.get('hook')!r} is not one we can call")
            return
        started = time.monotonic()
        answer = self._post(path, self._call(service))
        seconds = time.monotonic() - started
        ok = answer is not None and answer.status_code in (200, 412)
        yield _judge(
            "C3",
            ok,
            f"{name}: a minimal valid call is 200 or 412",
            _status(answer),
            "a call with empty prefetch and no fhirServer is valid",
        )
        yield _judge(
            "C6",
            seconds < 0.5,
            f"{name}: answers within 500 ms",
            f"{seconds * 1000:.0f} ms",
            "answer on the order of 500 ms",
            warn=True,
        )
        if answer is not None and answer.status_code == 200:
            yield from check_response(_json(answer), name)
        extra = self._call(service, extension={"org.example.conformance": {"a": 1}}, somethingUnknown=True)
        yield _judge(
            "B2",
            _is(self._post(path, extra), 200, 412),
            f"{name}: unknown fields and extension are tolerated",
            "",
            "ignore what you do not know",
        )
        for state, value in (
            ("null", None),
            (
                "OperationOutcome",
                {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]},
            ),
            ("text", "<html>no</html>"),
        ):
            call = self._call(service)
            call["prefetch"] = dict.fromkeys(call["prefetch"], value)
            answer = self._post(path, call)
            yield _judge(
                "C4",
                answer is not None and answer.status_code < 500,
                f"{name}: prefetch as {state} is no crash",
                _status(answer),
                "take each key as resource, null, OperationOutcome, or absent",
            )
        missing = self._post(path, self._call(service, prefetch=_LEFT_OUT))
        yield _judge(
            "C5",
            missing is not None and missing.status_code < 500,
            f"{name}: no prefetch and no fhirServer is 412 or 200, never 5xx",
            _status(missing),
            "say what is missing: 412 with an OperationOutcome",
        )

    def _errors(self, services: list[dict[str, Any]]) -> Iterator[Result]:
        unknown = self._post("/cds-services/no-such-service-here", {"hook": "patient-view"})
        yield _judge(
            "C3",
            _is(unknown, 404),
            "an unknown service id is 404",
            _status(unknown),
            "404 for an id you do not publish",
        )
        callable_ = next((one for one in services if one.get("hook") in KNOWN_HOOKS), None)
        if callable_ is None:
            yield Result("C3", "skip", "error paths", "no service with a known hook")
            return
        path = f"/cds-services/{callable_['id']}"
        wrong_hook = next(
            hook
            for hook in KNOWN_HOOKS
            if not any(one["id"] == callable_["id"] and one.get("hook") == hook for one in services)
        )
        context = self._call(callable_)["context"]
        bad_calls: list[tuple[str, str, Any]] = [
            ("C1", "no hook", self._call(callable_, hook=_LEFT_OUT)),
            ("C1", "no hookInstance", self._call(callable_, hookInstance=_LEFT_OUT)),
            ("C1", "hookInstance that is no UUID", self._call(callable_, hookInstance="not-a-uuid")),
            ("C1", "no context", self._call(callable_, context=_LEFT_OUT)),
            ("C1", "context that is a list", self._call(callable_, context=[])),
            (
                "C1",
                "context without patientId",
                self._call(callable_, context={k: v for k, v in context.items() if k != "patientId"}),
            ),
            (
                "C1",
                "context without userId",
                self._call(callable_, context={k: v for k, v in context.items() if k != "userId"}),
            ),
            ("C3", "the wrong hook", self._call(callable_, hook=wrong_hook)),
            ("C2", "fhirAuthorization without fhirServer", self._call(callable_, fhirAuthorization=_AUTHORIZATION)),
            (
                "C2",
                "token_type other than Bearer",
                self._call(
                    callable_,
                    fhirServer="https://ehr.example.org/fhir",
                    fhirAuthorization={**_AUTHORIZATION, "token_type": "mac"},
                ),
            ),
            ("C1", "a list as body", []),
            ("C1", "a number as body", 7),
        ]
        for rule, what, body in bad_calls:
            answer = self._post(path, body)
            yield _judge(
                rule,
                _is(answer, 400, 422),
                f"{what} is 400",
                _status(answer),
                "refuse it with 400 and say what is wrong",
            )
            if answer is not None and answer.status_code >= 400:
                yield from _error_body(answer, what)
        broken = self._send("POST", path, data=b'{"hook": ', headers={"Content-Type": "application/json"})
        yield _judge("C3", _is(broken, 400), "malformed JSON is 400", _status(broken), "400 for what is no JSON")
        text = self._send("POST", path, data=b"{}", headers={"Content-Type": "text/plain"})
        yield _judge(
            "C3",
            _is(text, 415),
            "another content type is 415",
            _status(text),
            "415 for what is not application/json",
            warn=_is(text, 400),
        )
        put = self._send("PUT", path, json={})
        yield _judge("C3", _is(put, 405), "PUT on a service is 405", _status(put), "405 with an Allow header")
        allow = put is not None and "Allow" in put.headers
        yield _judge(
            "C3",
            allow,
            "405 carries Allow",
            str(dict(put.headers).get("Allow")) if put is not None else "",
            "name the allowed methods",
            warn=True,
        )

    # -- feedback ----------------------------------------------------------------------------------------------

    def _feedback(self, services: list[dict[str, Any]]) -> Iterator[Result]:
        if not services:
            return
        path = f"/cds-services/{services[0]['id']}/feedback"
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        overridden = {
            "card": str(uuid.uuid4()),
            "outcome": "overridden",
            "outcomeTimestamp": at,
            "overrideReason": {
                "reason": {
                    "code": "patient-ineligible",
                    "system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes",
                }
            },
        }
        accepted = {
            "card": str(uuid.uuid4()),
            "outcome": "accepted",
            "outcomeTimestamp": at,
            "acceptedSuggestions": [{"id": str(uuid.uuid4())}],
        }
        for what, entries in (
            ("one overridden card", [overridden]),
            ("one accepted card", [accepted]),
            ("two cards at once", [overridden, accepted]),
        ):
            answer = self._post(path, {"feedback": entries})
            yield _judge(
                "F1", _is(answer, 200), f"feedback of {what} is 200", _status(answer), "store it and answer 200"
            )
        again = self._post(path, {"feedback": [overridden]})
        yield _judge("F2", _is(again, 200), "the same feedback again is 200", _status(again), "make repeats harmless")
        for what, body in (
            ("without `feedback`", {}),
            ("with an unknown outcome", {"feedback": [{**overridden, "outcome": "ignored"}]}),
            ("without a card", {"feedback": [{k: v for k, v in overridden.items() if k != "card"}]}),
        ):
            answer = self._post(path, body)
            yield _judge(
                "F1",
                answer is not None and 400 <= answer.status_code < 500,
                f"feedback {what} is refused",
                _status(answer),
                "400 with an OperationOutcome",
                warn=True,
            )

    # -- browsers and tokens -----------------------------------------------------------------------------------

    def _cors(self, services: list[dict[str, Any]]) -> Iterator[Result]:
        paths = ["/cds-services"] + [f"/cds-services/{one['id']}" for one in services[:1]]
        for path in paths:
            asked = {
                "Origin": self.origin,
                "Access-Control-Request-Method": "POST" if path != "/cds-services" else "GET",
                "Access-Control-Request-Headers": "authorization,content-type",
            }
            try:
                answer = self.http.options(self.base_url + path, headers=asked, timeout=TIMEOUT_SECONDS)
            except requests.RequestException:
                answer = None
            allowed = answer is not None and answer.headers.get("Access-Control-Allow-Origin") in (self.origin, "*")
            yield _judge(
                "J7",
                allowed,
                f"preflight of {path} from {self.origin}",
                _cors_found(answer),
                "list this origin, or use another --origin",
                warn=True,
            )
            if allowed and answer is not None:
                headers = answer.headers.get("Access-Control-Allow-Headers", "").lower()
                yield _judge(
                    "J7",
                    "authorization" in headers or headers == "*",
                    f"preflight of {path} allows Authorization",
                    headers,
                    "allow the headers Authorization and Content-Type",
                )

    def _tokens(self) -> Iterator[Result]:
        url = self.base_url + "/cds-services"
        try:
            bare = self.http.get(url, timeout=TIMEOUT_SECONDS)
        except requests.RequestException:
            return
        if bare.status_code != 401:
            yield Result(
                "J1",
                "warn",
                "the service asks for a token",
                f"{bare.status_code} without one",
                "outside a test, accept signed calls of known clients only",
            )
            return
        yield _judge(
            "J1",
            "WWW-Authenticate" in bare.headers,
            "401 carries WWW-Authenticate",
            "",
            "name the scheme: Bearer",
            warn=True,
        )
        for what, token in (
            ("garbage", "garbage"),
            ("alg none", _unsigned_token(url)),
            ("an HMAC token", jwt.encode(_claims(url), "k" * 32, algorithm="HS256", headers={"kid": "k"})),
        ):
            answer = self.http.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_SECONDS)
            yield _judge(
                "J4",
                answer.status_code == 401,
                f"{what} is refused",
                str(answer.status_code),
                "accept only listed asymmetric algorithms",
            )


_LEFT_OUT = object()
_AUTHORIZATION = {
    "access_token": "conformance",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "user/*.read",
    "subject": "conformance",
}


def check_response(body: Any, name: str) -> Iterator[Result]:
    """Judge a service's 200 body: cards, suggestions, actions, links."""
    listed = isinstance(body, dict) and isinstance(body.get("cards"), list)
    yield _judge(
        "R1", listed, f"{name}: the answer has `cards`", type(body).__name__, 'nothing to say is {"cards": []}'
    )
    if not listed:
        return
    yield _judge(
        "B1",
        not list(_empties(body)),
        f"{name}: no null or empty values",
        ", ".join(_empties(body)),
        "leave absent fields out",
    )
    for index, card in enumerate(body["cards"]):
        yield from _check_card(card, f"{name}: cards[{index}]")


def _check_card(card: dict[str, Any], place: str) -> Iterator[Result]:
    summary = card.get("summary")
    yield _judge(
        "R2",
        isinstance(summary, str) and 0 < len(summary) < SUMMARY_LIMIT,
        f"{place} summary under {SUMMARY_LIMIT} characters",
        str(len(summary or "")),
        "shorten the summary",
    )
    yield _judge(
        "R2",
        card.get("indicator") in ("info", "warning", "critical"),
        f"{place} indicator",
        str(card.get("indicator")),
        "info, warning or critical",
    )
    yield _judge(
        "R3",
        isinstance(card.get("source"), dict) and bool(card["source"].get("label")),
        f"{place} source.label",
        "",
        "name the source of the guidance",
    )
    yield _judge(
        "R2", isinstance(card.get("uuid"), str), f"{place} uuid", str(card.get("uuid")), "feedback needs it", warn=True
    )
    yield _judge(
        "R2",
        not re.search(r"<[a-zA-Z/!]", card.get("detail", "")),
        f"{place} detail has no HTML",
        "",
        "GitHub-flavoured Markdown without HTML",
        warn=True,
    )
    suggestions = card.get("suggestions", [])
    if suggestions:
        yield _judge(
            "R4",
            card.get("selectionBehavior") in ("at-most-one", "any"),
            f"{place} selectionBehavior",
            str(card.get("selectionBehavior")),
            "required beside suggestions",
        )
        recommended = [one for one in suggestions if one.get("isRecommended")]
        yield _judge(
            "R4",
            card.get("selectionBehavior") != "at-most-one" or len(recommended) <= 1,
            f"{place} one recommendation",
            str(len(recommended)),
            "recommend at most one",
        )
    for suggestion in suggestions:
        yield _judge("R5", bool(suggestion.get("label")), f"{place} suggestion label", "", "required")
        for action in suggestion.get("actions", []):
            yield _judge(
                "R6",
                action.get("type") in ("create", "update", "delete") and bool(action.get("description")),
                f"{place} action type and description",
                str(action.get("type")),
                "both are required",
            )
            if action.get("type") == "delete":
                yield _judge(
                    "R6",
                    "resourceId" in action and "resource" not in action,
                    f"{place} delete by resourceId",
                    "",
                    "a delete names resourceId and carries no resource",
                )
            else:
                yield _judge(
                    "R6",
                    isinstance(action.get("resource"), dict),
                    f"{place} {action.get('type')} carries a resource",
                    "",
                    "the whole resource",
                )
    for reason in card.get("overrideReasons", []):
        yield _judge(
            "R7",
            all(reason.get(field) for field in ("code", "system", "display")),
            f"{place} override reason",
            str(reason.get("code")),
            "code, system and display",
        )
    for link in card.get("links", []):
        good = (
            link.get("type") in ("absolute", "smart")
            and bool(link.get("label"))
            and str(link.get("url", "")).startswith("http")
        )
        yield _judge("R8", good, f"{place} link", str(link.get("label")), "label, absolute url and type")
        yield _judge(
            "R8",
            "appContext" not in link or link.get("type") == "smart",
            f"{place} appContext only on smart links",
            "",
            "drop appContext",
        )


def _lint_template(name: str, key: str, template: str) -> Iterator[Result]:
    tokens = [token.strip() for token in re.findall(r"\{\{(.*?)\}\}", template)]
    wrong = [token for token in tokens if not TOKEN_2_0.match(token)]
    yield _judge(
        "D4",
        not wrong,
        f"{name}.{key}: tokens of the 2.0 dialect",
        ", ".join(wrong),
        "only context.<field> and user...Id are widely understood",
        warn=all("today()" in one for one in wrong),
    )
    query = template.split("?", 1)[1] if "?" in template else ""
    names = [part.split("=", 1)[0] for part in query.split("&") if part]
    odd = [
        one
        for one in names
        if one.startswith(("_include", "_revinclude", "_has")) or "." in one or (":" in one and not one.endswith(":in"))
    ]
    yield _judge(
        "D5",
        not odd,
        f"{name}.{key}: widely supported parameters",
        ", ".join(odd),
        "no _include, chaining or modifiers beyond :in",
    )
    twice = sorted({one for one in names if names.count(one) > 1})
    yield _judge(
        "D5",
        not twice,
        f"{name}.{key}: no parameter twice",
        ", ".join(twice),
        "some clients merge repeated parameters",
        warn=True,
    )


def _error_body(answer: requests.Response, what: str) -> Iterator[Result]:
    body = _json(answer)
    yield _judge(
        "C7",
        isinstance(body, dict) and body.get("resourceType") == "OperationOutcome",
        f"{what}: the error is an OperationOutcome",
        "",
        "3.0 recommends it; it is what an integrator can read",
        warn=True,
    )
    yield _judge(
        "C7",
        "Traceback" not in answer.text and "at java." not in answer.text,
        f"{what}: no stack trace",
        "",
        "never show internals",
    )


def _empties(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            if one is None or one in ("", {}) or (one == [] and key not in ARRAY_OR_NULL_EXCEPTIONS):
                yield f"{path}{key}"
            else:
                yield from _empties(one, f"{path}{key}.")
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _empties(one, f"{path}{index}.")


def _judge(rule: str, good: bool, what: str, found: str, fix: str, warn: bool = False) -> Result:
    return Result(rule, "pass", what) if good else Result(rule, "warn" if warn else "fail", what, found, fix)


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _is(answer: requests.Response | None, *codes: int) -> bool:
    return answer is not None and answer.status_code in codes


def _status(answer: requests.Response | None) -> str:
    return "no HTTP answer" if answer is None else str(answer.status_code)


def _cors_found(answer: requests.Response | None) -> str:
    return (
        "no answer"
        if answer is None
        else answer.headers.get("Access-Control-Allow-Origin", "no Access-Control-Allow-Origin")
    )


def _claims(url: str) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": "https://conformance.example.org",
        "aud": url,
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid.uuid4()),
    }


def _unsigned_token(url: str) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT', 'kid': 'k'})}.{part(_claims(url))}."
