"""The body of a hook call: what passes, what is named, and that nothing of it travels out in a message."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.errors import CallFaults
from cds_service.hooks import ALL_HOOKS, ORDER_SELECT, PATIENT_VIEW
from cds_service.wire.body import check_envelope, check_text
from cds_service.wire.request import ON_EXTENSION, HookCall, read_call

INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"


def a_call(**changes) -> dict:
    call = {
        "hook": "patient-view",
        "hookInstance": INSTANCE,
        "context": {"userId": "Practitioner/p1", "patientId": "pat-1"},
    }
    call.update(changes)
    return {key: value for key, value in call.items() if value is not ...}


def read(call, hook=PATIENT_VIEW, **how) -> HookCall:
    body = call if isinstance(call, bytes) else json.dumps(call).encode()
    return read_call(body, [hook], **how)


def faults_of(call, hook=PATIENT_VIEW, **how) -> dict[str, str]:
    with pytest.raises(CallFaults) as caught:
        read(call, hook, **how)
    return {fault.where: str(fault) for fault in caught.value.faults}


def an_authorization(**changes) -> dict:
    found = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 300, "scope": "user/*.read", "subject": "x"}
    found.update(changes)
    return {key: value for key, value in found.items() if value is not ...}


def test_a_minimal_call_passes() -> None:
    call = read(a_call())

    assert (call.patient_id, call.hook_instance, dict(call.prefetch)) == ("pat-1", INSTANCE, {})


def test_every_fault_of_a_call_is_named_at_once_with_its_path() -> None:
    broken = a_call(hookInstance="no", fhirServer="nowhere", context={"userId": 7}, prefetch=[], fhirAuthorization={})

    found = faults_of(broken)

    assert set(found) >= {
        "hookInstance",
        "fhirServer",
        "context.userId",
        "context.patientId",
        "prefetch",
        "fhirAuthorization.access_token",
        "fhirAuthorization.expires_in",
    }


@pytest.mark.parametrize("member", ["hook", "hookInstance", "context"])
@pytest.mark.parametrize("value", [..., None, 7, [], True])
def test_each_required_member_is_insisted_on(member: str, value: object) -> None:
    found = faults_of(a_call(**{member: value}))

    assert member in found


@pytest.mark.parametrize(
    "body",
    [b"", b"  \n", b"{", b"[1, 2]", b"null", b'"x"', b"7", b'{"hook": tru}', b"{} {}", b'{"hook": NaN}', b'{"a":1,}'],
)
def test_what_is_no_json_object_is_refused_by_name(body: bytes) -> None:
    assert "$" in faults_of(body)


def test_a_byte_order_mark_is_refused_by_name() -> None:
    assert "byte order mark" in faults_of(b"\xef\xbb\xbf" + json.dumps(a_call()).encode())["$"]


@pytest.mark.parametrize("place", ["context", "prefetch"])
def test_bytes_that_are_not_utf8_are_refused(place: str) -> None:
    body = json.dumps(a_call(**{place: {"patientId": "@"}})).encode().replace(b"@", b"\xff")

    assert "not UTF-8" in faults_of(body)["$"]


@pytest.mark.parametrize("place", ["context", "prefetch", "extension", "hook"])
def test_half_a_surrogate_pair_is_refused_and_crashes_nothing(place: str) -> None:
    body = json.dumps(a_call(**{place: {"patientId": "@"}})).encode().replace(b"@", b"a\\ud800z")

    assert faults_of(body)


@pytest.mark.parametrize("place", ["context", "prefetch", "extension", "unknown"])
@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_deep_nesting_is_refused_and_crashes_nothing(place: str, depth: int) -> None:
    body = json.dumps(a_call(**{place: {"x": "@"}})).encode().replace(b'"@"', b"[" * depth + b"]" * depth)

    assert "too deep" in faults_of(body)["$"]


def test_the_depth_of_the_envelope_is_measured_without_the_prefetch() -> None:
    seen: list[bytes] = []

    read(a_call(prefetch={"procedures": {"resourceType": "Bundle", "padding": "x" * 500}}), check_depth=seen.append)

    assert seen and b"padding" not in seen[0] and b"hookInstance" in seen[0]


@pytest.mark.parametrize(
    "repeated",
    [
        b'{"hook": "patient-view", "hook": "order-sign"}',
        b'{"context": {"patientId": "a", "patientId": "b"}}',
        b'{"prefetch": {"patient": null, "patient": {"resourceType": "Patient"}}}',
        b'{"fhirAuthorization": {"access_token": "a", "access_token": "b"}}',
    ],
)
def test_a_member_named_twice_is_refused(repeated: bytes) -> None:
    assert "twice" in faults_of(repeated)["$"]


def test_a_large_prefetch_key_named_twice_is_refused() -> None:
    resource = json.dumps({"resourceType": "Patient", "id": "x" * 600})
    body = json.dumps(a_call(prefetch={})).replace("{}", f'{{"patient": {resource}, "patient": {resource}}}')

    assert "twice" in faults_of(body.encode())["$"]


def test_large_alike_prefetch_values_under_different_keys_pass() -> None:
    resource = {"resourceType": "Patient", "id": "x" * 600}

    call = read(a_call(prefetch={"a": resource, "b": resource, "c": None}))

    assert sorted(call.prefetch) == ["a", "b", "c"]
    assert json.loads(bytes(memoryview(call.prefetch["b"]))) == resource


@pytest.mark.rule("B2")
def test_b2_unknown_fields_and_extensions_are_tolerated() -> None:
    call = a_call(extension={"com.example.x": [1]}, madeUp={"x": None}, fhirServer=None, fhirAuthorization=None)
    call["context"] |= {"extension": {"a": 1}, "madeUp": [None], "encounterId": None}

    assert read(call).patient_id == "pat-1"


@pytest.mark.rule("C1")
def test_c1_fhir_server_is_required_beside_fhir_authorization() -> None:
    assert "fhirServer" in faults_of(a_call(fhirAuthorization=an_authorization()))


@pytest.mark.rule("C2")
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("access_token", ...),
        ("access_token", ""),
        ("access_token", "line\nbreak"),
        ("access_token", 7),
        ("token_type", ...),
        ("token_type", "mac"),
        ("expires_in", ...),
        ("expires_in", "300"),
        ("expires_in", True),
        ("expires_in", 1.5),
        ("scope", ...),
        ("subject", ...),
        ("subject", None),
    ],
)
def test_c2_fhir_authorization_is_checked_member_by_member(member: str, value: object) -> None:
    call = a_call(fhirServer="https://ehr.example.org/fhir", fhirAuthorization=an_authorization(**{member: value}))

    assert f"fhirAuthorization.{member}" in faults_of(call)


@pytest.mark.rule("C2")
def test_c2_a_good_authorization_is_read_and_its_token_never_shown() -> None:
    call = read(
        a_call(fhirServer="https://ehr.example.org/fhir", fhirAuthorization=an_authorization(access_token="s3cret"))
    )

    assert call.authorization is not None and call.authorization.access_token == "s3cret"
    assert "s3cret" not in repr(call) and "pat-1" not in repr(call)


@pytest.mark.rule("C3")
def test_c3_a_hook_the_service_is_not_listed_for_is_a_fault_that_says_so() -> None:
    assert "patient-view" in faults_of(a_call(hook="order-sign"))["hook"]


@pytest.mark.rule("C3")
def test_c3_no_value_of_the_call_is_echoed() -> None:
    canary = "Zebulon-Canary"
    broken = a_call(
        hook=canary,
        hookInstance=canary,
        fhirServer=canary,
        context={"userId": canary, "patientId": canary + "/"},
        fhirAuthorization=an_authorization(token_type=canary, expires_in=canary, access_token=canary + " x"),
    )

    assert canary not in " ".join(faults_of(broken).values())


@pytest.mark.parametrize("bad", ["Patient/1", "..", ".", "a b", "a/../b", "", "x" * 200, "1?_x=2", "a\n"])
def test_a_patient_id_that_could_reach_a_url_is_refused(bad: str) -> None:
    assert "context.patientId" in faults_of(a_call(context={"userId": "Practitioner/p1", "patientId": bad}))


@pytest.mark.parametrize(
    "url", ["ftp://x/", "//x", "https://", "https://a b/", "https://x:99999/", "javascript:alert(1)", "", 7]
)
def test_a_fhir_server_that_is_no_url_is_refused(url: object) -> None:
    assert "fhirServer" in faults_of(a_call(fhirServer=url))


@pytest.mark.parametrize("hook", ALL_HOOKS, ids=lambda hook: hook.hook)
def test_every_hook_insists_on_its_required_context(hook) -> None:
    found = faults_of(a_call(hook=hook.hook, context={}), hook)

    required = {f"context.{name}" for name, one in hook.context().fields.items() if one.required}
    assert set(found) == required and {"context.userId", "context.patientId"} <= required


def test_drafts_are_read_as_clients_write_them() -> None:
    context = {
        "userId": "Practitioner/p1",
        "patientId": "pat-1",
        "selections": ["ServiceRequest/d1"],
        "draftOrders": {
            "resourceType": "Bundle",
            "entry": [{"resource": {"resourceType": "ServiceRequest", "category": {}}}],
        },
    }

    call = read(a_call(hook="order-select", context=context), ORDER_SELECT)

    assert call.selections == ("ServiceRequest/d1",) and call.drafts == context["draftOrders"]


@pytest.mark.parametrize(
    "drafts", [[], "x", {"resourceType": "Patient"}, {"resourceType": "Bundle", "entry": {}}, None]
)
def test_drafts_that_are_no_bundle_are_named(drafts: object) -> None:
    context = {"userId": "Practitioner/p1", "patientId": "pat-1", "selections": [], "draftOrders": drafts}

    assert "context.draftOrders" in faults_of(a_call(hook="order-select", context=context), ORDER_SELECT)


def test_the_day_asked_for_counts_only_where_it_may_be_chosen() -> None:
    call = a_call(extension={ON_EXTENSION: "2026-03-01"})

    assert read(call, may_choose_day=True).on == date(2026, 3, 1)
    assert read(call).on is None


def test_a_day_that_is_no_date_is_named() -> None:
    assert faults_of(a_call(extension={ON_EXTENSION: "tomorrow"}), may_choose_day=True)


@pytest.mark.parametrize("odd", ["John Doe <x>", "conditions\ngoals", "conditions\n", "", "a" * 65])
def test_odd_prefetch_keys_are_left_out(odd: str) -> None:
    call = read(a_call(prefetch={"patient": None, odd: {"resourceType": "Patient"}}))

    assert list(call.prefetch) == ["patient"]


class Members(list):
    """An object as its pairs, so that a name can stand twice."""


_texts = st.sampled_from(["a", "b", "\u00e4", 'q"', "back\\slash", "/"])
_json = st.recursive(
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts | st.none() | st.booleans(),
    lambda below: st.lists(below, max_size=3) | st.lists(st.tuples(_texts, below), max_size=3).map(Members),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(_json, st.booleans())
def test_a_member_sent_twice_is_refused_however_the_json_is_written(value: object, ascii_only: bool) -> None:
    tight, loose = written(value, ",", ascii_only).encode(), written(value, " , ", ascii_only).encode()

    assert refusal(tight) == refusal(loose)
    assert (refusal(tight) is not None) == says_twice(value)


def written(value: object, comma: str, ascii_only: bool) -> str:
    if isinstance(value, Members):
        pairs = (
            f"{json.dumps(name, ensure_ascii=ascii_only)}:{written(one, comma, ascii_only)}" for name, one in value
        )
        return "{" + comma.join(pairs) + "}"
    if isinstance(value, list):
        return "[" + comma.join(written(one, comma, ascii_only) for one in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def says_twice(value: object) -> bool:
    if isinstance(value, Members):
        return len({name for name, _ in value}) < len(value) or any(says_twice(one) for _, one in value)
    return isinstance(value, list) and any(map(says_twice, value))


def refusal(envelope: bytes) -> str | None:
    try:
        check_envelope(envelope, {})
    except CallFaults as refused:
        return str(refused.faults[0])
    return None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=4).map(str.encode) | st.binary(max_size=4), max_size=8).map(b"".join))
def test_bytes_that_are_no_utf8_are_told_at_the_same_place_in_pieces_as_in_one(text: bytes) -> None:
    body = b"[" + text
    try:
        body.decode("utf-8")
        expected = None
    except UnicodeDecodeError as error:
        expected = f"the body is not UTF-8 at byte {error.start}"

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cds_service.wire.body._PIECE_BYTES", 4)
        try:
            check_text(body)
            found = None
        except CallFaults as refused:
            found = refused.faults[0].what

    assert found == expected
