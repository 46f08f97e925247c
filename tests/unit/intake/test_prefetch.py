"""What is offered, what the call brought, what is read, what is told. Rules C4, C5, D4, D5."""

from __future__ import annotations

import json
import re
import time
from datetime import date

import msgspec
import pytest

from cds_service.errors import CallFaults, RequiredDataMissing
from cds_service.intake.bundles import open_page
from cds_service.intake.fhir_server import FhirClient
from cds_service.intake.prefetch import KINDS, Gathered, State, Templates, expand, gather, id_of, offered
from cds_service.intake.read import read_record
from tests.unit.intake.conftest import Handler, LoopbackGuard, Server

CONTEXT = {"patientId": "p1", "userId": "Practitioner/d1"}
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1960-01-01"}
OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "forbidden", "diagnostics": "secret"}],
}


def a_procedure(number: int = 1, **more: object) -> dict:
    return {"resourceType": "Procedure", "id": f"op{number}", "status": "completed", "code": {"text": "fusion"}, **more}


def a_search(*resources: dict, **more: object) -> dict:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **more}


def next_link(url: str) -> list[dict]:
    return [{"relation": "self", "url": "x"}, {"relation": "next", "url": url}]


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def gathered(prefetch: dict, client: FhirClient | None = None, ehr: Server | None = None, **how: object) -> Gathered:
    server = client.at(ehr.base, "token-1") if client is not None and ehr is not None else None
    given = {key: value if isinstance(value, bytes) else raw(value) for key, value in prefetch.items()}
    how = {"needs": {"procedures"}, "context": CONTEXT, "seconds": 2.0} | how
    return gather(given, server=server, **how)  # type: ignore[arg-type]


def report_of(found: Gathered, key: str):  # type: ignore[no-untyped-def]
    return next(report for report in found.reports if report.key == key)


# -- what is offered -------------------------------------------------------------------------------------------------


def test_the_union_of_needs_is_offered_with_the_patient_first() -> None:
    assert list(offered({"procedures", "orders"})) == ["patient", "procedures", "serviceRequests", "carePlans", "goals"]


def test_an_unknown_kind_of_data_is_a_fault_of_ours() -> None:
    with pytest.raises(KeyError, match="shoes"):
        offered({"shoes"})


def test_templates_keep_to_the_2_0_dialect_and_name_no_parameter_twice() -> None:
    for template in offered(set(KINDS)).values():
        assert set(re.findall(r"\{\{(.*?)\}\}", template)) == {"context.patientId"}
        names = re.findall(r"[?&]([^=&]+)=", template)
        assert len(names) == len(set(names)) and not any(":" in name or "." in name for name in names)
        assert not {"_include", "_revinclude", "_has"} & set(names)
        assert len(template) < 160


def test_observations_are_asked_by_category_newest_first() -> None:
    template = offered({"observations"}, Templates(observation_categories=("vital-signs", "laboratory")))[
        "observations"
    ]

    assert template == (
        "Observation?patient={{context.patientId}}&category=vital-signs,laboratory&_sort=-date&_count=200"
    )


def test_a_setting_offers_the_3_0_date_dialect() -> None:
    template = offered({"observations"}, Templates(observation_days=400))["observations"]

    assert "&date=ge{{today() - 400 days}}&" in template
    assert "date=ge2025-01-25&" in expand(template, CONTEXT, date(2026, 3, 1))


def test_an_installation_may_write_a_template_of_its_own() -> None:
    own = Templates(own={"procedures": "Procedure?patient={{context.patientId}}&category=387713003"})

    assert offered({"procedures"}, own)["procedures"].endswith("category=387713003")


# -- filling templates -----------------------------------------------------------------------------------------------


def test_ids_are_checked_and_other_values_url_encoded() -> None:
    context = CONTEXT | {"note": "a&b=c/../d e"}

    assert expand("Patient/{{context.patientId}}", context) == "Patient/p1"
    assert expand("X?q={{context.note}}", context) == "X?q=a%26b%3Dc%2F..%2Fd%20e"
    assert expand("P/{{userPractitionerId}}", context) == "P/d1"


@pytest.mark.parametrize("bad", ["", "..", ".", "a b", "a/../b?", "x&y=z", "é", None, 17, {}, "p1\n", "a" * 129])
def test_what_is_no_id_is_refused_without_being_repeated(bad: object) -> None:
    with pytest.raises(CallFaults) as raised:
        id_of(bad, "context.patientId")

    assert raised.value.faults[0].where == "context.patientId"
    assert not bad or str(bad) not in ("..", ".", "a b") or str(bad) not in raised.value.faults[0].what


def test_a_reference_in_place_of_an_id_is_understood() -> None:
    assert id_of("Patient/p1", "context.patientId") == "p1"


@pytest.mark.parametrize("token", ["userPatientId", "context.list", "context.a.b", "Patient.id", "today()"])
def test_a_token_that_cannot_be_filled_is_a_fault(token: str) -> None:
    with pytest.raises(CallFaults):
        expand("X/{{" + token + "}}", CONTEXT | {"list": []})


# -- what the call brought (C4) --------------------------------------------------------------------------------------


def test_a_supplied_bundle_is_not_asked_for_again(client: FhirClient, ehr: Server) -> None:
    found = gathered({"patient": PATIENT, "procedures": a_search(a_procedure())}, client, ehr)

    assert ehr.seen == []
    assert [report.state for report in found.reports] == [State.SUPPLIED, State.SUPPLIED]
    record = read_record(found.pages, patient_id="p1", gaps=found.gaps)
    assert record.patient is not None and len(record.procedures or ()) == 1 and record.gaps == ()


def test_null_means_looked_and_nothing_there(client: FhirClient, ehr: Server) -> None:
    found = gathered({"patient": PATIENT, "procedures": b"null"}, client, ehr)

    assert ehr.seen == [] and report_of(found, "procedures").state is State.NULL
    assert read_record(found.pages, gaps=found.gaps).procedures == ()


def test_a_null_patient_is_told(client: FhirClient, ehr: Server) -> None:
    found = gathered({"patient": b"null", "procedures": b"null"}, client, ehr)

    assert found.gaps == (("patient", "the client holds no Patient resource"),)


@pytest.mark.parametrize("outcome", [OUTCOME, a_search(OUTCOME)])
def test_an_operation_outcome_is_not_repeated(outcome: dict, client: FhirClient, ehr: Server) -> None:
    found = gathered(
        {"patient": PATIENT, "procedures": b"null", "observations": outcome},
        client,
        ehr,
        needs={"procedures", "observations"},
    )

    assert ehr.seen == []
    assert report_of(found, "observations").state is State.OPERATION_OUTCOME
    assert read_record(found.pages, gaps=found.gaps).observations is None
    assert found.gaps == (("observations", "the client could not get it (OperationOutcome: forbidden)"),)
    assert "secret" not in str(found.gaps)


def test_an_operation_outcome_under_a_required_key_is_said_to_be_missing(client: FhirClient, ehr: Server) -> None:
    with pytest.raises(RequiredDataMissing) as raised:
        gathered({"patient": PATIENT, "procedures": OUTCOME}, client, ehr)

    ((key, template, tried),) = raised.value.missing
    assert key == "procedures" and template == offered({"procedures"})["procedures"] and "forbidden" in tried
    assert ehr.seen == []


def test_a_warning_on_an_empty_search_is_an_empty_answer(client: FhirClient, ehr: Server) -> None:
    warning = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}

    found = gathered({"patient": PATIENT, "procedures": a_search(warning, total=0)}, client, ehr)

    assert read_record(found.pages).procedures == () and found.gaps == ()


def test_matches_beside_a_failing_outcome_are_kept_and_called_incomplete(client: FhirClient, ehr: Server) -> None:
    found = gathered({"patient": PATIENT, "procedures": a_search(a_procedure(), OUTCOME)}, client, ehr)

    assert len(read_record(found.pages).procedures or ()) == 1
    assert found.gaps == (("procedures", "not complete: the answer carries an OperationOutcome (forbidden)"),)


WRONG = [
    "<!DOCTYPE html><html><body>Sign in</body></html>",
    "no resources",
    17,
    True,
    [],
    {},
    {"a": 1},
    {"resourceType": "Encounter", "id": "e"},
    a_search({"resourceType": "Observation", "id": "o", "code": {}}),
    a_search({"resourceType": "Encounter", "id": "e"}),
    {"resourceType": "Bundle", "entry": [17]},
    PATIENT,
]


@pytest.mark.parametrize("wrong", [one for one in WRONG if one != []], ids=lambda one: str(one)[:30])
def test_a_key_of_the_wrong_type_counts_as_missing(wrong: object, client: FhirClient, ehr: Server) -> None:
    ehr.gives("Procedure", a_search(a_procedure()))

    found = gathered({"patient": PATIENT, "procedures": wrong}, client, ehr)

    assert report_of(found, "procedures").state is State.WRONG_TYPE and report_of(found, "procedures").fetched
    assert ehr.paths == ["/fhir/Procedure?patient=p1&_count=200"] and found.gaps == ()


@pytest.mark.parametrize("wrong", [one for one in WRONG if one != []], ids=lambda one: str(one)[:30])
def test_a_key_of_the_wrong_type_that_cannot_be_read_is_named(wrong: object) -> None:
    with pytest.raises(RequiredDataMissing) as raised:
        gathered({"patient": PATIENT, "procedures": wrong})

    assert "the call brought " in raised.value.missing[0][2] and "no fhirServer" in raised.value.missing[0][2]


def test_another_patient_under_the_patient_key_is_not_taken(client: FhirClient, ehr: Server) -> None:
    ehr.gives("Patient/p1", PATIENT)

    found = gathered({"patient": PATIENT | {"id": "p2"}, "procedures": b"null"}, client, ehr)

    assert report_of(found, "patient").state is State.WRONG_TYPE
    assert read_record(found.pages, patient_id="p1").patient.reference == "Patient/p1"  # type: ignore[union-attr]


def test_an_absent_required_key_without_a_server_names_key_template_and_what_was_tried() -> None:
    with pytest.raises(RequiredDataMissing) as raised:
        gathered({"patient": PATIENT}, no_server_because="this installation makes no outbound calls")

    ((key, template, tried),) = raised.value.missing
    assert (key, template) == ("procedures", "Procedure?patient={{context.patientId}}&_count=200")
    assert tried == "absent from the call; not read: this installation makes no outbound calls"


def test_an_absent_useful_key_is_a_gap_and_never_a_refusal() -> None:
    found = gathered({"patient": PATIENT, "procedures": b"null"}, needs={"procedures", "conditions"})

    assert found.gaps == (("conditions", "absent from the call; not read: the call names no fhirServer"),)
    assert read_record(found.pages, gaps=found.gaps).conditions is None


# -- reading what is missing (C5, A1) --------------------------------------------------------------------------------


def test_only_what_is_missing_is_read_with_the_token(client: FhirClient, ehr: Server) -> None:
    ehr.gives("Condition", a_search({"resourceType": "Condition", "id": "c", "code": {"text": "x"}}))

    found = gathered({"patient": PATIENT, "procedures": b"null"}, client, ehr, needs={"procedures", "conditions"})

    (seen,) = ehr.seen
    assert seen.path == "/fhir/Condition?patient=p1&_count=200"
    assert seen.headers["Authorization"] == "Bearer token-1"
    assert seen.headers["Accept"].startswith("application/fhir+json") and seen.headers["Cache-Control"] == "no-cache"
    assert len(read_record(found.pages, gaps=found.gaps).conditions or ()) == 1
    assert report_of(found, "conditions").fetched and report_of(found, "conditions").answer_bytes > 0


def test_what_is_missing_is_read_all_at_once(client: FhirClient, ehr: Server) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(0.2)
        handler.say(a_search())

    for name in ("Procedure", "Observation", "Condition", "MedicationRequest", "Goal", "CarePlan", "ServiceRequest"):
        ehr.does(name, slow)
    needs = {"procedures", "observations", "conditions", "medications", "orders"}

    began = time.monotonic()
    found = gathered({"patient": PATIENT}, client, ehr, needs=needs)

    assert time.monotonic() - began < 0.6
    assert found.gaps == () and sum(report.fetched for report in found.reports) == 7


def test_one_deadline_holds_for_everything(client: FhirClient, ehr: Server) -> None:
    def never(handler: Handler) -> None:
        ehr.gone.wait(5)

    ehr.does("Observation", never)
    ehr.does("Condition", never)
    ehr.gives("Procedure", a_search(a_procedure()))

    began = time.monotonic()
    found = gathered({"patient": PATIENT}, client, ehr, needs={"procedures", "observations", "conditions"}, seconds=0.3)

    assert time.monotonic() - began < 0.6
    assert len(read_record(found.pages).procedures or ()) == 1
    assert [key for key, _ in found.gaps] == ["observations", "conditions"]
    assert all("in time" in reason or "within 0.3 seconds" in reason for _, reason in found.gaps)


def test_prefetch_only_makes_no_outbound_call_at_all(guard: LoopbackGuard, ehr: Server) -> None:
    supplied = a_search(a_procedure(), link=next_link(f"{ehr.base}/Procedure?page=2"))

    found = gathered({"patient": PATIENT, "procedures": supplied}, needs={"procedures", "conditions"})

    assert ehr.seen == [] and guard.checked == []
    assert [key for key, _ in found.gaps] == ["procedures", "conditions"]


def test_a_template_that_cannot_be_filled_is_a_gap(client: FhirClient, ehr: Server) -> None:
    own = Templates(own={"conditions": "Condition?asserter={{userPatientId}}"})

    found = gathered(
        {"patient": PATIENT, "procedures": b"null"}, client, ehr, needs={"procedures", "conditions"}, templates=own
    )

    assert ehr.seen == [] and "template cannot be filled" in found.gaps[0][1]


# -- pages -----------------------------------------------------------------------------------------------------------


def test_pages_of_a_supplied_bundle_are_followed(client: FhirClient, ehr: Server) -> None:
    ehr.gives("Procedure", a_search(a_procedure(2)))
    supplied = a_search(a_procedure(1), link=next_link(f"{ehr.base}/Procedure?page=2"), total=2)

    found = gathered({"patient": PATIENT, "procedures": supplied}, client, ehr)

    assert ehr.paths == ["/fhir/Procedure?page=2"] and found.gaps == ()
    assert [one.reference for one in read_record(found.pages).procedures or ()] == ["Procedure/op1", "Procedure/op2"]


def test_pages_of_a_fetched_bundle_are_followed_also_by_relative_links(client: FhirClient, ehr: Server) -> None:
    ehr.gives_in_turn(
        "Procedure",
        lambda handler: handler.say(a_search(a_procedure(1), link=next_link("Procedure?page=2"))),
        lambda handler: handler.say(a_search(a_procedure(2))),
    )

    found = gathered({"patient": PATIENT}, client, ehr)

    assert ehr.paths[-1] == "/fhir/Procedure?page=2" and len(read_record(found.pages).procedures or ()) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/fhir/x",
        "https://evil.example/x",
        "//evil.example/x",
        "http://u:p@127.0.0.1/x",
        "http://[bad",
    ],
)
def test_a_next_link_to_another_origin_is_refused_and_told(url: str, client: FhirClient, ehr: Server) -> None:
    supplied = a_search(a_procedure(), link=next_link(url))

    found = gathered({"patient": PATIENT, "procedures": supplied}, client, ehr)

    assert ehr.seen == [] and found.gaps[0][0] == "procedures" and "refused" in found.gaps[0][1]
    assert len(read_record(found.pages).procedures or ()) == 1
    assert "evil" not in str(found.gaps)


def test_endless_paging_stops_at_the_cap_and_keeps_what_came(client: FhirClient, ehr: Server) -> None:
    def more(handler: Handler) -> None:
        number = len(ehr.seen)
        handler.say(a_search(a_procedure(number), link=next_link(f"{ehr.base}/Procedure?page={number}")))

    ehr.does("Procedure", more)

    found = gathered({"patient": PATIENT}, client, ehr)

    assert len(ehr.seen) == 4 and len(read_record(found.pages).procedures or ()) == 4
    assert "more than 4 pages" in found.gaps[0][1]


def test_pages_that_go_round_in_a_circle_are_left(client: FhirClient, ehr: Server) -> None:
    ehr.gives("Procedure", a_search(a_procedure(), link=next_link(f"{ehr.base}/Procedure?patient=p1&_count=200")))

    found = gathered({"patient": PATIENT}, client, ehr)

    assert len(ehr.seen) == 1 and "circle" in found.gaps[0][1]


def test_a_later_page_that_fails_leaves_the_first_and_is_told(client: FhirClient, ehr: Server) -> None:
    ehr.gives("Next", b"", status=403)
    ehr.gives("Procedure", a_search(a_procedure(), link=next_link(f"{ehr.base}/Next")))

    found = gathered({"patient": PATIENT}, client, ehr)

    assert len(read_record(found.pages).procedures or ()) == 1
    assert found.gaps[0][1].startswith("not complete, more pages exist; ") and "403" in found.gaps[0][1]


def test_all_reads_of_a_call_share_one_budget_of_bytes(client: FhirClient, ehr: Server) -> None:
    filler = a_procedure(note=[{"text": "x" * 150_000}])
    ehr.gives_in_turn(
        "Procedure",
        *[
            lambda handler, number=number: handler.say(
                a_search(filler, link=next_link(f"{ehr.base}/Procedure?page={number}"))
            )
            for number in range(1, 4)
        ],
    )

    found = gathered({"patient": PATIENT}, client, ehr)

    assert "fetched as much as it may" in found.gaps[0][1]


def test_a_wrong_total_is_told_and_hides_nothing(client: FhirClient, ehr: Server) -> None:
    found = gathered({"patient": PATIENT, "procedures": a_search(a_procedure(), total=12)}, client, ehr)

    assert len(read_record(found.pages).procedures or ()) == 1
    assert found.gaps == (("procedures", "not complete: the Bundle counts more matches than it holds"),)


@pytest.mark.parametrize("total", [0, 1, -3, "1", None, 1e30])
def test_a_total_that_is_too_small_or_senseless_loses_nothing(total: object, client: FhirClient, ehr: Server) -> None:
    found = gathered({"patient": PATIENT, "procedures": a_search(a_procedure(), total=total)}, client, ehr)

    assert len(read_record(found.pages).procedures or ()) == 1


def test_a_bundle_inside_a_bundle_is_opened(client: FhirClient, ehr: Server) -> None:
    ehr.gives("Procedure", a_search(a_search(a_procedure(1), a_procedure(2))))

    found = gathered({"patient": PATIENT}, client, ehr)

    assert len(read_record(found.pages).procedures or ()) == 2


# -- what the reports tell -------------------------------------------------------------------------------------------


def test_reports_hold_no_patient_data(client: FhirClient, ehr: Server) -> None:
    ehr.gives(
        "Condition", {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "p1 Mueller"}]}
    )

    found = gathered({"procedures": b"null"}, client, ehr, needs={"procedures", "conditions"})

    text = f"{found.gaps} {[(one.key, one.failure, one.tried) for one in found.reports]}"
    assert "Mueller" not in text and "p1" not in text and "127.0.0.1" not in text
    assert found.fetched == 0


def test_empty_answers_written_alike_are_each_had() -> None:
    alike, other = raw(a_search()), raw(a_search(total=0))
    brought = {"patient": raw(PATIENT), "procedures": alike, "observations": alike, "conditions": other, "goals": alike}

    found = gather(
        brought, needs={"procedures", "observations", "conditions", "goals"}, context=CONTEXT, server=None, seconds=1.0
    )

    assert {key: [len(page.entries) for page in pages] for key, pages in found.pages.items()} == {
        "patient": [1], "procedures": [0], "observations": [0], "conditions": [0], "goals": [0],
    }  # fmt: skip
    assert found.gaps == () and {report.state for report in found.reports} == {State.SUPPLIED}


@pytest.mark.parametrize("key", ["procedures", "observations", "conditions", "medications", "goals"])
@pytest.mark.parametrize(
    "body",
    [
        a_search(),
        a_search(a_procedure()),
        a_search(a_procedure(), a_procedure(2), total=2),
        a_search(a_procedure(), total=5),
        a_search(a_procedure(), link=next_link("Procedure?page=2")),
        a_search({"resourceType": "Observation", "id": "o"}, {"resourceType": "Condition", "id": "c"}),
        a_search({"resourceType": "MedicationStatement", "id": "m"}, {"resourceType": "Medication", "id": "x"}),
        a_search(PATIENT),
        a_procedure(),
        {"resourceType": "Medication", "id": "x"},
    ],
)
def test_a_sound_page_is_judged_as_with_care(key: str, body: dict) -> None:
    sound = open_page(raw(body), f"prefetch.{key}")
    doubted = msgspec.structs.replace(sound, sound_kinds=None)
    how = {"needs": {key}, "context": CONTEXT, "server": None, "seconds": 1.0, "required": ()}

    quick, careful = gather({key: sound}, **how), gather({key: doubted}, **how)

    assert sound.sound_kinds is not None
    assert (quick.gaps, quick.reports, list(quick.pages)) == (careful.gaps, careful.reports, list(careful.pages))
