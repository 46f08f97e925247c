"""What senders get wrong: mended where it can be understood, left out and named where it cannot, never fatal."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.errors import InputFaults
from cds_service.intake.bundles import NESTED_BUNDLES_MOST, Page, _take_entry, open_page
from cds_service.intake.mend import NoJson, read_leniently, read_part
from cds_service.intake.read import read_bundle, read_drafts, read_record
from cds_service.intake.shapes import Concept as ConceptShape
from cds_service.patient.record import Coding, Concept, PatientRecord, Quantity

PATIENT = '{"resourceType":"Patient","id":"p1"}'
GOOD = '{"resourceType":"Observation","id":"good","status":"final","code":{"text":"fine"},"valueQuantity":{"value":1}}'


def read(*resources: str) -> PatientRecord:
    entries = ",".join(f'{{"resource":{resource}}}' for resource in (PATIENT, *resources))
    return read_bundle(f'{{"resourceType":"Bundle","entry":[{entries}]}}'.encode())


def an_observation(fields: str) -> str:
    return f'{{"resourceType":"Observation","id":"odd","status":"final",{fields}}}'


def the_odd_one(record: PatientRecord):  # type: ignore[no-untyped-def]
    return next(one for one in record.observations.all() if one.reference == "Observation/odd")  # type: ignore[union-attr]


def said(record: PatientRecord) -> list[tuple[str, str | None, str, bool]]:
    return [(one.where, one.resource_type, one.what, one.skipped) for one in record.unreadable]


# -- one broken resource never hides the others ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "kind", "where", "what"),
    [
        ("17", None, "entry[1].resource", "expected an object"),
        ('"x"', None, "entry[1].resource", "expected an object"),
        ("[]", None, "entry[1].resource", "expected an object"),
        ("{}", None, "entry[1].resource", "resourceType is missing"),
        ('{"resourceType":7}', None, "entry[1].resource", "resourceType is missing"),
        ('{"resourceType":"Observation","code":7}', "Observation", "entry[1].resource.code", "expected an object"),
        ('{"resourceType":"Procedure","code":"ACDF"}', "Procedure", "entry[1].resource.code", "expected an object"),
        ('{"resourceType":"Condition","code":[1,2]}', "Condition", "entry[1].resource.code", "expected an object"),
    ],
)
def test_a_broken_resource_is_skipped_and_named_by_place_type_and_fault(
    broken: str, kind: str | None, where: str, what: str
) -> None:
    record = read(broken, GOOD)

    assert said(record) == [(where, kind, what, True)]
    assert [one.reference for one in record.observations.all()] == ["Observation/good"]  # type: ignore[union-attr]


@pytest.mark.parametrize("entry", ["null", "17", '"x"', "[]"])
def test_an_entry_that_is_no_object_is_named(entry: str) -> None:
    body = f'{{"resourceType":"Bundle","entry":[{entry},{{"resource":{PATIENT}}}]}}'.encode()

    record = read_bundle(body)

    assert record.patient is not None and said(record) == [("entry[0]", None, "expected an object", True)]


def test_an_entry_without_a_resource_is_passed_over() -> None:
    body = f'{{"resourceType":"Bundle","entry":[{{"response":{{"status":"200"}}}},{{"resource":{PATIENT}}}]}}'.encode()

    assert read_bundle(body).patient is not None and read_bundle(body).unreadable == ()


def test_types_we_do_not_read_are_passed_over() -> None:
    record = read('{"resourceType":"Encounter","status":5}', '{"resourceType":"Ünsinn"}', GOOD)

    assert len(record.observations or ()) == 1 and record.unreadable == ()


# -- mended ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        '"code":{"coding":{"system":"http://loinc.org","code":"8867-4"}}',
        '"code":[{"coding":[{"system":"http://loinc.org","code":"8867-4"}]}]',
        '"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"},null,{}]}',
        '"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}],"text":null}',
        '"code":{"coding":[{"system":"http://loinc.org","code":"8867-4","userSelected":"yes"}]}',
    ],
)
def test_objects_for_arrays_and_arrays_for_objects_are_understood(fields: str) -> None:
    record = read(an_observation(fields), GOOD)

    assert the_odd_one(record).code == Concept((Coding("http://loinc.org", "8867-4"),))
    assert record.unreadable == () and len(record.observations or ()) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ('"valueQuantity":{"value":"101.5","unit":"/min"}', Quantity(101.5, "/min")),
        ('"valueQuantity":{"value":5,"unit":7}', Quantity(5.0, "7")),
        ('"valueQuantity":[{"value":5}]', Quantity(5.0)),
        ('"valueInteger":3', Quantity(3.0)),
        ('"valueString":"4+/5"', "4+/5"),
        ('"valueString":5', "5"),
        ('"valueBoolean":"true"', True),
        ('"valueBoolean":false', False),
        ('"valueCodeableConcept":{"coding":{"code":"x"}}', Concept((Coding(None, "x"),))),
        ('"valueDateTime":"2026-03-01"', "2026-03-01"),
        ('"valueTime":"10:00"', "10:00"),
    ],
)
def test_a_value_that_can_be_understood_is(field: str, value: object) -> None:
    record = read(an_observation(f'"code":{{"text":"x"}},{field}'))

    assert the_odd_one(record).value == value and record.unreadable == ()


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "-" + "9" * 400, '"many"', "true", "{}", "[1,2]", '"1e5"'],
)
def test_a_number_that_is_none_leaves_the_observation_without_a_value_and_is_told(number: str) -> None:
    record = read(an_observation(f'"code":{{"text":"x"}},"valueQuantity":{{"value":{number},"unit":"Cel"}}'), GOOD)

    assert the_odd_one(record).value is None
    assert said(record) == [
        ("entry[1].resource.valueQuantity.value", "Observation", "left out: expected a number", False)
    ]
    assert len(record.observations or ()) == 2


@pytest.mark.parametrize(
    ("fields", "place", "expected"),
    [
        ('"effectiveDateTime":{}', "effectiveDateTime", "text"),
        ('"valueQuantity":"37"', "valueQuantity", "an object"),
        ('"valueBoolean":"maybe"', "valueBoolean", "true or false"),
        ('"component":[{"code":{"text":"s"}},7]', "component[1]", "an object"),
        ('"component":{"code":9}', "component[0].code", "an object"),
    ],
)
def test_a_field_of_a_wrong_type_is_left_out_and_named(fields: str, place: str, expected: str) -> None:
    record = read(an_observation(f'"code":{{"text":"x"}},{fields}'))

    assert the_odd_one(record).reference == "Observation/odd"
    assert said(record) == [(f"entry[1].resource.{place}", "Observation", f"left out: expected {expected}", False)]


def test_a_field_of_a_procedure_read_late_is_named_too() -> None:
    record = read('{"resourceType":"Procedure","id":"op","note":"implant lot 7","bodySite":[7]}')

    assert [(one.where, one.what) for one in record.unreadable] == [
        ("entry[1].resource.bodySite[0]", "left out: expected an object"),
        ("entry[1].resource.note[0]", "left out: expected an object"),
    ]
    assert "lot" not in str(record.unreadable)


def test_dull_fields_of_an_observation_that_are_odd_are_as_if_not_recorded() -> None:
    record = read(
        an_observation(
            '"code":{"text":"x"},"category":7,"note":{"text":"n"},"bodySite":{"text":"arm"},"interpretation":[[]]'
        )
    )

    odd = the_odd_one(record)
    assert odd.notes == ("n",) and odd.body_site == Concept(text="arm")


# -- text ------------------------------------------------------------------------------------------------------------


def test_lone_surrogates_are_replaced_and_hide_nothing() -> None:
    record = read(an_observation(r'"code":{"text":"x"},"valueString":"a\ud800b","note":[{"text":"\udfff"}]'), GOOD)

    assert the_odd_one(record).value == "a?b" and the_odd_one(record).notes == ("?",)
    json.dumps(the_odd_one(record).value).encode()


def test_a_surrogate_in_a_name_hides_nothing() -> None:
    record = read(r'{"resourceType":"Observation","id":"odd","\ud800":1,"code":{"text":"x"}}', GOOD)

    assert len(record.observations or ()) == 2


def test_odd_but_legal_text_is_kept_as_it_is() -> None:
    text = "L4/5 – ‮naive‬ 🦴 \\u0000 \ufeff"  # noqa: PLE2502
    record = read(an_observation(f'"code":{{"text":{json.dumps(text)}}}'))

    assert the_odd_one(record).code.text == text


def test_bytes_that_are_no_utf8_hide_nothing() -> None:
    body = (
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"p1"}},{"resource":'
        b'{"resourceType":"Observation","id":"odd","code":{"text":"M\xfcller"}}}]}'
    )

    assert the_odd_one(read_bundle(body)).code.text == "M\ufffdller"


def test_a_byte_order_mark_is_skipped() -> None:
    assert read_bundle(b"\xef\xbb\xbf" + PATIENT.encode()).patient is not None


# -- depth and size --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_a_resource_nested_without_end_is_refused_or_named_never_fatal(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    try:
        record = read(f'{{"resourceType":"Observation","id":"odd","code":{{"text":"x"}},"extension":{deep}}}', GOOD)
    except InputFaults as refused:
        assert "nested too deeply" in str(refused)
    else:
        assert len(record.observations or ()) + len(record.unreadable) == 2


def test_a_single_line_nested_without_end_does_not_hide_the_others() -> None:
    deep = '{"resourceType":"Procedure","x":' + "[" * 100_000 + "]" * 100_000 + "}"

    record = read_bundle(f"{PATIENT}\n{deep}\n{GOOD}".encode())

    assert len(record.observations or ()) == 1 and said(record) == [
        ("line 2", None, "JSON that is nested too deeply", True)
    ]


def test_bundles_inside_bundles_are_opened_up_to_a_depth() -> None:
    body = GOOD
    for _ in range(NESTED_BUNDLES_MOST):
        body = f'{{"resourceType":"Bundle","entry":[{{"resource":{body}}}]}}'
    inside = read(body)
    too_deep = read(f'{{"resourceType":"Bundle","entry":[{{"resource":{body}}}]}}')

    assert len(inside.observations or ()) == 1
    assert [(one.resource_type, one.what) for one in too_deep.unreadable] == [
        ("Bundle", "Bundles are nested too deeply")
    ]


def test_the_place_in_a_nested_bundle_is_named() -> None:
    record = read('{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Observation","code":7}}]}')

    assert record.unreadable[0].where == "entry[1].resource.entry[0].resource.code"


def test_an_empty_nested_bundle_is_nothing() -> None:
    assert read('{"resourceType":"Bundle"}').unreadable == ()


# -- frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        f"[{PATIENT},{GOOD}]",
        f'[{{"resource":{PATIENT}}},{{"resource":{GOOD}}}]',
        f"{PATIENT}\n{GOOD}\n",
        f"\n{PATIENT}\r\n\r\n{GOOD}",
        f'{{"entry":[{{"resource":{PATIENT}}},{{"resource":{GOOD}}}]}}',
        f'{{"resourceType":"Bundle","entry":[{PATIENT},{GOOD}]}}',
        f'{{"resourceType":"Bundle","type":5,"total":"many","link":"x","entry":[{{"resource":{PATIENT}}},{{"resource":{GOOD}}}]}}',
        f'{{"resourceType":"Bundle","entry":[{{"fullUrl":7,"resource":{PATIENT}}},{{"resource":{GOOD}}}]}}',
        f'{{"resourceType":"Bundle","type":"batch-response","entry":[{{"resource":{{"resourceType":"Bundle","entry":[{{"resource":{PATIENT}}},{{"resource":{GOOD}}}]}}}}]}}',
    ],
)  # fmt: skip
def test_a_record_is_read_from_every_frame(body: str) -> None:
    record = read_bundle(body.encode())

    assert record.patient is not None and len(record.observations or ()) == 1


def test_one_entry_in_place_of_an_array_is_read() -> None:
    assert read_bundle(f'{{"resourceType":"Bundle","entry":{{"resource":{PATIENT}}}}}'.encode()).patient is not None


@pytest.mark.parametrize("body", ['{"resourceType":"Bundle"}', '{"resourceType":"Bundle","entry":null}', "[]"])
def test_an_empty_record_is_one_that_says_nothing(body: str) -> None:
    record = read_bundle(body.encode())

    assert record.patient is None and record.procedures == () and len(record.observations or ()) == 0


def test_broken_lines_among_good_ones_are_named_by_number() -> None:
    record = read_bundle(f'{PATIENT}\n{{"resourceType":\n{GOOD}\n7\n'.encode())

    assert len(record.observations or ()) == 1
    assert [one.where for one in record.unreadable] == ["line 2", "line 4"]


def test_an_operation_outcome_is_no_record() -> None:
    with pytest.raises(InputFaults, match="OperationOutcome"):
        read_bundle(b'{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]}')


def test_an_outcome_beside_resources_is_passed_over() -> None:
    record = read('{"resourceType":"OperationOutcome","issue":[{"severity":"warning"}]}', GOOD)

    assert len(record.observations or ()) == 1 and record.unreadable == ()


# -- duplicates and strangers ----------------------------------------------------------------------------------------


def versions(kind: str, *updated: str | None) -> list[str]:
    return [
        json.dumps(
            {
                "resourceType": kind,
                "id": "same",
                "code": {"text": f"version {number}"},
                **({"meta": {"lastUpdated": moment}} if moment else {}),
            }
        )
        for number, moment in enumerate(updated)
    ]


@pytest.mark.parametrize(
    ("updated", "kept"),
    [
        (("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), "version 1"),
        (("2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"), "version 0"),
        ((None, "2026-01-01T00:00:00Z"), "version 1"),
        ((None, None), "version 0"),
    ],
)
@pytest.mark.parametrize("kind", ["Procedure", "Observation", "Condition"])
def test_duplicates_are_one_and_the_newest_version_wins(kind: str, updated: tuple, kept: str) -> None:
    record = read(*versions(kind, *updated))

    found = {"Procedure": record.procedures, "Condition": record.conditions}.get(kind) or record.observations.all()  # type: ignore[union-attr]
    assert [one.code.text for one in found] == [kept]


def test_observations_without_an_id_are_all_kept() -> None:
    record = read(*['{"resourceType":"Observation","code":{"text":"x"}}'] * 3)

    assert [one.reference for one in record.observations.all()] == [  # type: ignore[union-attr]
        f"Observation (entry[{number}].resource)" for number in (1, 2, 3)
    ]


def test_the_same_id_on_two_servers_is_two_resources() -> None:
    body = json.dumps(
        {
            "resourceType": "Bundle",
            "entry": [
                {
                    "fullUrl": f"https://{host}.example.org/Procedure/1",
                    "resource": {"resourceType": "Procedure", "id": "1"},
                }
                for host in ("a", "b", "a")
            ],
        }
    )

    assert len(read_bundle(body.encode()).procedures or ()) == 2


@pytest.mark.parametrize(
    ("subject", "is_ours"),
    [
        ("Patient/p1", True),
        ("https://ehr.example.org/fhir/Patient/p1", True),
        ("Patient/p1/_history/3", True),
        (None, True),
        ("Patient/p11", False),
        ("Patient/P1", False),
        ("Group/p1", False),
        ("p1", False),
        ("#p1", False),
        ("urn:uuid:p1", False),
        ("", False),
    ],
)
def test_only_resources_of_this_patient_are_taken(subject: str | None, is_ours: bool) -> None:
    whose = {"subject": {"reference": subject}} if subject is not None else {"subject": {"display": "she"}}
    procedure = json.dumps({"resourceType": "Procedure", "id": "op", **whose})
    observation = json.dumps({"resourceType": "Observation", "id": "o", "code": {"text": "x"}, **whose})

    record = read(procedure, observation)

    assert (len(record.procedures or ()), len(record.observations or ())) == ((1, 1) if is_ours else (0, 0))
    assert len(record.unreadable) == (0 if is_ours else 2)


def test_without_a_patient_the_first_subject_is_the_one() -> None:
    def of(number: int, kind: str = "Observation") -> str:
        return f'{{"resourceType":"{kind}","code":{{"text":"x"}},"subject":{{"reference":"Patient/p{number}"}}}}'

    observations = read_bundle(f"[{GOOD},{of(1)},{of(2)},{of(1)}]".encode())
    procedures = read_bundle(f"[{of(1, 'Procedure')},{of(2, 'Procedure')}]".encode())

    assert len(observations.observations or ()) == 3 and len(observations.unreadable) == 1
    assert len(procedures.procedures or ()) == 1 and len(procedures.unreadable) == 1


def test_strangers_in_a_sound_page_are_named_by_their_place() -> None:
    body = json.dumps(
        {
            "resourceType": "Bundle",
            "entry": [
                {"resource": {"resourceType": "Observation", "id": str(n), "subject": {"reference": f"Patient/p{n}"}}}
                for n in (1, 2, 1)
            ],
        }
    ).encode()

    record = read_record({"observations": [body, body]}, patient_id="p1")

    assert len(record.observations or ()) == 1
    assert [one.where for one in record.unreadable] == [
        "observations.entry[1].resource",
        "observations[1].entry[1].resource",
    ]


def test_a_reference_without_an_id_names_the_right_place_after_strangers() -> None:
    body = (
        '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Observation","subject":{"reference":"Patient/p2"}}},'
        '{"resource":{"resourceType":"Observation","code":{"text":"x"}}}]}'
    )

    record = read_record({"observations": [body.encode()]}, patient_id="p1")

    assert [one.reference for one in record.observations.all()] == [  # type: ignore[union-attr]
        "Observation (observations.entry[1].resource)"
    ]


# -- drafts ----------------------------------------------------------------------------------------------------------

DRAFT = {
    "resourceType": "ServiceRequest",
    "id": "request-1",
    "status": "draft",
    "category": {"coding": {"code": "rehab"}},
    "code": {"coding": [{}], "text": "jogging"},
    "reasonCode": [],
    "subject": {"reference": "Patient/p1"},
}


@pytest.mark.parametrize("decoded", [False, True])
def test_drafts_are_read_as_clients_send_them_and_kept_whole(decoded: bool) -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": DRAFT}]}

    drafts = read_drafts(bundle if decoded else json.dumps(bundle).encode(), patient_id="p1")

    (order,) = drafts.orders
    assert (order.reference, order.status, order.intent) == ("ServiceRequest/request-1", "draft", None)
    assert order.category == (Concept((Coding(None, "rehab"),)),) and order.code == (Concept(text="jogging"),)
    assert order.resource == DRAFT and drafts.unreadable == ()


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"null",
        b"{}",
        b'{"resourceType":"Bundle"}',
        b'{"entry":[]}',
        {},
        {"resourceType": "Bundle"},
        {"entry": None},
    ],
)
def test_no_drafts_are_no_orders(body: object) -> None:
    assert read_drafts(body).orders == ()  # type: ignore[arg-type]


def test_drafts_that_cannot_be_read_are_named_under_their_root() -> None:
    drafts = read_drafts(b'{"resourceType":"Bundle","entry":[{"resource":7}]}', root="context.draftOrders")
    nothing = read_drafts(b"<p>", root="context.draftOrders")

    assert [one.where for one in drafts.unreadable] == ["context.draftOrders.entry[0].resource"]
    assert [(one.where, one.what) for one in nothing.unreadable] == [("context.draftOrders", "a web page")]


def test_drafts_keep_the_order_in_which_they_were_sent() -> None:
    kinds = ["CarePlan", "ServiceRequest", "MedicationRequest", "DeviceRequest", "Goal", "Appointment"] * 2
    entries = [{"resource": {"resourceType": kind, "id": str(number)}} for number, kind in enumerate(kinds)]

    drafts = read_drafts({"entry": entries})

    assert [order.kind for order in drafts.orders] == kinds
    assert all(order.resource for order in drafts.orders if order.kind != "MedicationRequest")


def test_a_draft_medication_is_read_like_the_reference_client_sends_it() -> None:
    draft = {
        "resourceType": "MedicationRequest",
        "id": "request-123",
        "category": {"coding": [{"code": "community"}]},
        "medicationCodeableConcept": {"text": "Ibuprofen", "coding": [{"code": "310965"}]},
    }

    (order,) = read_drafts({"entry": [{"resource": draft}, {"resource": {"resourceType": "Encounter"}}]}).orders

    assert order.code[0].text == "Ibuprofen" and order.intent is None


def test_a_draft_medication_that_names_none_has_no_code() -> None:
    (order,) = read_drafts({"entry": [{"resource": {"resourceType": "MedicationRequest"}}]}).orders

    assert order.code == ()


# -- the two lowest steps --------------------------------------------------------------------------------------------


def test_a_part_that_is_no_json_is_named() -> None:
    faults: list[tuple[str, str]] = []

    assert read_part(msgspec.Raw(b"{"), ConceptShape, "code", faults) is None
    assert faults and faults[0][0] == "code"


def test_what_is_no_json_says_where() -> None:
    with pytest.raises(NoJson, match="line 1, column 2"):
        read_leniently(b"{")


def test_giant_and_endless_numbers_inside_raw_fields_hide_nothing() -> None:
    record = read(
        '{"resourceType":"Procedure","id":"op","status":7,'
        '"note":[{"text":"n","x":NaN,"y":[123456789012345678901234567890],"z":[1.5]}]}'
    )

    assert (record.procedures or ())[0].notes == ("n",)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceType",
                    "id",
                    "entry",
                    "resource",
                    "code",
                    "coding",
                    "subject",
                    "reference",
                    "valueQuantity",
                    "value",
                ]
                + [
                    "component",
                    "performedPeriod",
                    "start",
                    "end",
                    "note",
                    "text",
                    "link",
                    "total",
                    "status",
                    "category",
                    "meta",
                ]
            ),
            inner
            | st.sampled_from(
                ["Bundle", "Observation", "Procedure", "Patient", "CarePlan", "Patient/p1", "2026-03-01"]
            ),
            max_size=5,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON_VALUES)
def test_no_json_whatever_breaks_the_reading(value: object) -> None:
    body = json.dumps(value).encode()

    try:
        record = read_bundle(body)
    except InputFaults:
        record = read_record({"procedures": [body], "observations": [body], "patient": [body]})
    tuple(record.observations.all())  # type: ignore[union-attr]
    open_page(body)
    read_drafts(body)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_whatever_break_the_reading(body: bytes) -> None:
    try:
        read_bundle(body)
    except InputFaults as refused:
        assert refused.faults


def test_an_entry_that_the_frame_let_pass_but_nobody_can_read_is_named() -> None:
    page = Page(root="prefetch.procedures", places=[])

    _take_entry(page, msgspec.Raw(b'{"resource": {'), "entry[3]")

    assert [one.where for one in page.unreadable] == ["prefetch.procedures.entry[3]"]


def test_orders_among_lines_are_kept_whole() -> None:
    record = read_bundle(f'{PATIENT}\n{{"resourceType":"Goal","id":"g","x":1}}\n'.encode())

    assert (record.orders or ())[0].resource == {"resourceType": "Goal", "id": "g", "x": 1}


def test_an_outcome_beside_a_broken_resource_is_passed_over() -> None:
    record = read('{"resourceType":"OperationOutcome","issue":{"severity":"error"}}', "7", GOOD)

    assert len(record.observations or ()) == 1 and [one.where for one in record.unreadable] == ["entry[2].resource"]


def test_observations_under_another_key_are_not_taken() -> None:
    body = f'{{"resourceType":"Bundle","entry":[{{"resource":{GOOD}}}]}}'.encode()

    record = read_record({"procedures": [body], "observations": []})

    assert record.procedures == () and len(record.observations or ()) == 0


def test_a_resource_without_a_subject_does_not_choose_the_patient() -> None:
    nobody, somebody, other = (
        f'{{"resourceType":"Condition","id":"c{number}","code":{{}}{whose}}}'
        for number, whose in enumerate(["", *(f',"subject":{{"reference":"Patient/p{one}"}}' for one in (1, 2))])
    )

    device = '{"resourceType":"Device","id":"d"}'

    record = read_bundle(f"[{device},{nobody},{somebody},{other}]".encode())

    assert [one.reference for one in record.conditions or ()] == ["Condition/c0", "Condition/c1"]


@pytest.mark.parametrize("more", ["", ',"fullUrl":"urn:uuid:p1"'])
def test_a_patient_without_an_id_takes_the_resources_that_name_one_patient(more: str) -> None:
    subject = "urn:uuid:p1" if more else "Patient/p1"
    body = (
        f'{{"resourceType":"Bundle","entry":[{{"resource":{{"resourceType":"Patient","gender":"male"}}{more}}},'
        f'{{"resource":{{"resourceType":"Procedure","id":"op","subject":{{"reference":"{subject}"}}}}}},'
        '{"resource":{"resourceType":"Procedure","id":"other","subject":{"reference":"Patient/p2"}}}]}'
    )

    record = read_bundle(body.encode())

    assert record.patient is not None and [one.reference for one in record.procedures or ()] == ["Procedure/op"]
    assert len(record.unreadable) == 1


def test_the_patient_of_the_call_may_be_sent_without_its_id() -> None:
    record = read_record({"patient": [b'{"resourceType":"Patient","gender":"male"}']}, patient_id="p1")

    assert record.patient is not None and record.patient.sex == "male"


def test_observations_of_one_id_on_two_servers_are_two() -> None:
    entries = [
        {"fullUrl": f"https://{host}.example.org/Observation/1", "resource": {"resourceType": "Observation", "id": "1"}}
        for host in ("a", "b", "a")
    ]

    record = read_record({"observations": [json.dumps({"resourceType": "Bundle", "entry": entries}).encode()]})

    assert len(record.observations or ()) == 2
