"""What is published is valid FHIR R4, hangs together, and is what our orders point to."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds_service.cards import CallFacts, build_cards
from cds_service.clinical.advise import advise
from cds_service.intake.read import read_bundle
from cds_service.knowledge.canonical import CARD_TOPICS, REQUEST_KINDS
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Permission, Status
from cds_service.knowledge.signed import signed_only
from cds_service.publish import Published, publish
from cds_service.publish.activities import REQUEST_CODES
from tests.advice_maker import BASE, CARDS, a_call, an_advice, an_alert, knowledge, osteoporosis
from tests.unit.knowledge.test_overlay import an_overlay
from tests.unit.publish.conftest import actions_of, strings_in

FIXTURES = Path(__file__).parents[3] / "fhir_fixtures"
INDEX = json.loads((FIXTURES / "index.json").read_text(encoding="utf-8"))
SHAREABLE = ("url", "version", "name", "status", "experimental", "publisher", "description")
"""What the R4 profiles shareable* want of every definition."""


def test_every_resource_is_valid_fhir_and_nothing_in_it_is_empty(published: Published) -> None:
    for key, resource in published.resources.items():
        model = get_fhir_model_class(resource["resourceType"]).model_validate(resource)

        assert json.loads(model.model_dump_json()) == resource, key
        assert not [one for one in _walk(resource) if one in ("", None, [], {})], key


def _walk(value):
    yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _walk(inner)


def test_every_resource_can_be_shared(published: Published) -> None:
    for key, resource in published.resources.items():
        assert re.fullmatch(r"[A-Za-z0-9.\-]{1,64}", resource["id"]), key
        assert resource["url"] == f"{BASE}/fhir/{key}"
        assert resource["version"] == knowledge().version
        assert re.fullmatch(r"[A-Z][A-Za-z0-9_]{0,254}", resource["name"]), key
        assert all(re.fullmatch(r"[a-z0-9\-]{1,64}", one["id"]) for one in actions_of(resource)), key
        assert all(name in resource for name in SHAREABLE), key
        assert resource["copyright"].startswith("Apache-2.0"), key


def test_every_canonical_of_ours_leads_to_a_resource(published: Published) -> None:
    urls = {resource["url"] for resource in published.resources.values()}
    pattern = re.compile(rf"{re.escape(BASE)}/fhir/[A-Z][A-Za-z]+/[^|]+\Z")
    seen = 0
    for resource in published.resources.values():
        for text in strings_in(resource):
            url, bar, version = text.partition("|")
            if pattern.match(url):
                seen += 1
                assert url in urls, url
                assert not bar or version == knowledge().version
    assert seen > 2000


def test_every_code_of_ours_stands_in_its_code_system(published: Published) -> None:
    known = {one["url"]: {row["code"] for row in one["concept"]} for one in published.of_type("CodeSystem")}

    def codings(value):
        if isinstance(value, dict):
            if str(value.get("system", "")).startswith(f"{BASE}/fhir/CodeSystem") and "code" in value:
                yield value
            for inner in value.values():
                yield from codings(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from codings(inner)

    found = [one for resource in published.resources.values() for one in codings(resource)]
    assert len(found) > 300
    assert [one for one in found if one["code"] not in known[one["system"]]] == []


def test_draft_knowledge_is_published_as_draft_and_signed_as_active(published: Published) -> None:
    lumbar = knowledge().protocols["LUM_FUS"]
    signed = replace(lumbar.governance, status=Status.ACTIVE, checked_by="A. Surgeon", checked_on=date(2026, 4, 2))
    changed = replace(knowledge(), protocols={**knowledge().protocols, "LUM_FUS": replace(lumbar, governance=signed)})

    draft = published.resources["PlanDefinition/lum-fus"]
    active = publish(changed, BASE).resources["PlanDefinition/lum-fus"]

    assert (draft["status"], draft["experimental"], "reviewer" in draft) == ("draft", True, False)
    assert (active["status"], active["experimental"]) == ("active", False)
    assert (active["reviewer"], active["approvalDate"]) == ([{"name": "A. Surgeon"}], "2026-04-02")


@pytest.mark.parametrize("protocol", sorted(knowledge().protocols))
def test_every_cell_of_the_matrix_is_published_once_with_its_week(protocol: str, published: Published) -> None:
    known = knowledge().protocols[protocol]
    plan = published.resources[f"PlanDefinition/{protocol.lower().replace('_', '-')}"]
    actions = list(actions_of(plan))
    by_id = {action["id"]: action for action in actions}
    assert len(by_id) == len(actions)
    cleared = {action["id"] for action in by_id.get("with-clearance", {}).get("action", [])}

    for cell in known.first_weeks.values():
        name = cell.exercise.replace("_", "-")
        if cell.permission is Permission.NEVER:
            assert name not in by_id
            assert "/ActivityDefinition/avoid-" in by_id[f"avoid-{name}"]["definitionCanonical"]
            continue
        action = by_id[name]
        assert (name in cleared) == (cell.permission is Permission.CLEARANCE)
        assert any(one.get("role") for one in action["participant"]) == (cell.permission is Permission.SUPERVISED)
        if cell.week is not None:
            assert action["timingRange"] == {
                "low": {
                    "value": cell.week,
                    "unit": action["timingRange"]["low"]["unit"],
                    "system": "http://unitsofmeasure.org",
                    "code": "wk",
                }
            }
            phase = next(one for one in known.phases if one.covers(cell.week))
            assert action in by_id[phase.id.lower()]["action"]


def test_every_week_counts_from_the_operation(published: Published) -> None:
    for plan in published.of_type("PlanDefinition"):
        ids = {action["id"] for action in actions_of(plan)}
        goals = {goal["id"] for goal in plan.get("goal", [])}
        for action in actions_of(plan):
            assert {one["actionId"] for one in action.get("relatedAction", [])} <= ids
            assert set(action.get("goalId", [])) <= goals


def test_what_is_never_done_is_said_with_do_not_perform(published: Published) -> None:
    avoided = [one for one in published.of_type("ActivityDefinition") if one["id"].startswith("avoid-")]

    assert len(avoided) >= 5
    for one in avoided:
        assert one["doNotPerform"] is True
        assert [code["system"] for code in one["code"]["coding"]] == [f"{BASE}/fhir/CodeSystem/exercise"]


def test_cpt_codes_are_numbers_without_words_and_with_their_licence(published: Published) -> None:
    seen = 0
    for value_set in published.of_type("ValueSet"):
        for include in value_set["compose"]["include"]:
            if include["system"] == "http://www.ama-assn.org/go/cpt":
                seen += len(include["concept"])
                assert all(set(one) == {"code"} for one in include["concept"])
                assert "American Medical Association" in value_set["copyright"]
            if include["system"] == "http://snomed.info/sct":
                assert "CC BY 4.0" in value_set["copyright"]
    assert seen > 200


def test_a_codelist_is_published_code_by_code_and_its_families_by_how_they_begin(published: Published) -> None:
    for codelist in knowledge().codelists.values():
        key = f"ValueSet/{codelist.id.replace('_', '-')}"
        assert (key in published.resources) == bool(codelist.entries)
        if not codelist.entries:
            continue
        include = published.resources[key]["compose"]["include"]
        filters = [one["filter"][0]["value"] for one in include if "filter" in one]
        assert sum(len(one.get("concept", ())) for one in include) + len(filters) == len(codelist.entries)
        for entry in codelist.entries:
            if entry.is_prefix:
                assert any(re.fullmatch(pattern, entry.code + "9") for pattern in filters)


def test_a_rule_tells_every_grade_what_it_does_and_what_is_said_when_nobody_knows(published: Published) -> None:
    for rule in knowledge().rules:
        plan = published.resources[f"PlanDefinition/{rule.id.lower()}"]
        (action,) = plan["action"]
        *grades, unknown = action["action"]

        assert plan["type"]["coding"][0]["code"] == "eca-rule"
        assert [one["code"][0]["coding"][0]["code"] for one in grades] == [grade.effect.value for grade in rule.grades]
        assert unknown["description"] == rule.if_unknown
        assert not re.search(r"\{\w+\}", json.dumps(grades))


def test_no_source_that_nobody_verified_is_cited(published: Published) -> None:
    rejected = {one.key for one in knowledge().sources.values() if not one.citable}
    assert rejected
    cited = set()
    for resource in published.resources.values():
        cited |= {one.get("label") for one in resource.get("relatedArtifact", [])}
        for action in actions_of(resource) if "action" in resource else ():
            cited |= {one.get("label") for one in action.get("documentation", [])}

    assert len(cited) > 100
    assert not cited & rejected


def test_the_library_names_the_knowledge_by_its_hash_and_lists_its_parts(published: Published) -> None:
    library = published.resources["Library/knowledge"]
    parts = {one["resource"] for one in library["relatedArtifact"] if one["type"] == "composed-of"}

    assert library["identifier"][0]["value"] == knowledge().content_hash
    assert parts == {f"{plan['url']}|{plan['version']}" for plan in published.of_type("PlanDefinition")}


def test_the_same_knowledge_is_published_the_same_and_another_base_only_moves_it(published: Published) -> None:
    again = publish(load_knowledge(CARDS), BASE).bundle()
    elsewhere = publish(knowledge(), "https://other.example.org/x").bundle()

    assert again == published.bundle()
    assert json.loads(json.dumps(elsewhere).replace("https://other.example.org/x", BASE)) == published.bundle()


def _suggested(order_profile: str) -> list[dict]:
    """Every resource of every suggestion: for each fixture patient on its day, and for each protocol and phase."""
    found = []
    for story in INDEX["patients"]:
        body = (FIXTURES / story["file"]).read_bytes()
        record, on = read_bundle(body), date.fromisoformat(story["on"])
        call = a_call(order_profile=order_profile, patient_id="pat-1", orders=record.orders)
        found += _resources(advise(record, knowledge(), on), call)
    for kind, protocol in knowledge().protocols.items():
        for phase in protocol.phases:
            for alerts in ((), (osteoporosis(),), (an_alert(),)):
                found += _resources(
                    an_advice(kind, phase.from_week, alerts=alerts), a_call(order_profile=order_profile)
                )
    return found


def _resources(advice, call: CallFacts) -> list[dict]:
    cards = build_cards(advice, knowledge(), call)
    return [
        dict(one.resource)
        for card in cards
        for suggestion in card.suggestions
        for one in suggestion.actions
        if one.resource
    ]


@pytest.mark.parametrize("order_profile", ["pa", "us-core", "cpg-proposal", "r5"])
def test_every_canonical_of_every_suggestion_resolves(order_profile: str, published: Published) -> None:
    by_url = {f"{one['url']}|{one['version']}": one for one in published.resources.values()}
    seen: set[str] = set()
    for resource in _suggested(order_profile):
        canonicals = resource.get("instantiatesCanonical", [])
        if resource.get("status") != "on-hold" and resource["resourceType"] in ("CarePlan", "ServiceRequest"):
            assert canonicals
        for canonical in canonicals:
            if canonical.startswith(BASE):
                seen.add(canonical)
                assert canonical in by_url, canonical
        if resource["resourceType"] == "ServiceRequest" and canonicals and canonicals[0] in by_url:
            code = resource["code"].get("concept", resource["code"])
            assert by_url[canonicals[0]]["code"]["coding"] == code["coding"]
    kinds = {one.split("/")[-1].split("|")[0] for one in seen}
    assert set(REQUEST_KINDS) <= kinds
    assert {protocol.lower().replace("_", "-") for protocol in knowledge().protocols} <= kinds


def test_each_request_and_each_card_topic_is_published(published: Published) -> None:
    assert set(REQUEST_CODES) == set(REQUEST_KINDS)
    assert all(f"ActivityDefinition/{kind}" in published.resources for kind in REQUEST_KINDS)
    topics = published.resources["CodeSystem/card-topic"]["concept"]
    assert {one["code"] for one in topics} == set(CARD_TOPICS)


CPG = "http://hl7.org/fhir/uv/cpg/StructureDefinition/"
CPG_CAPABILITIES = {"shareable", "computable", "publishable", "executable"}
CPG_LEVELS = {"narrative", "semi-structured", "structured", "executable"}
CPG_RULES = {
    f"{CPG}cpg-computableplandefinition": (
        (
            "type 1..1 of the plan types",
            lambda one: (
                one["type"]["coding"][0]["code"]
                in ("order-set", "clinical-protocol", "eca-rule", "workflow-definition")
            ),
        ),
        ("library 0..1", lambda one: len(one.get("library", [])) <= 1),
        ("action 1..*", lambda one: len(one["action"]) >= 1),
    ),
    f"{CPG}cpg-computableactivity": (
        ("kind 1..1", lambda one: one["kind"] == "ServiceRequest"),
        ("library 0..1", lambda one: len(one.get("library", [])) <= 1),
    ),
}
"""Read from CPG-on-FHIR 2.0.0 (input/fsh/profiles); the validators at hand do not carry the guide."""


def test_what_claims_a_profile_of_the_guideline_guide_keeps_its_rules(published: Published) -> None:
    claims = 0
    for key, resource in published.resources.items():
        for profile in resource["meta"]["profile"]:
            for words, holds in CPG_RULES.get(profile, ()):
                claims += 1
                assert holds(resource), f"{key}: {words}"
        for extension in resource["extension"]:
            known = CPG_CAPABILITIES if extension["url"].endswith("knowledgeCapability") else CPG_LEVELS
            assert extension["valueCode"] in known
    assert claims > 200


def test_only_what_is_structured_by_weeks_claims_to_be_computable(published: Published) -> None:
    for plan in published.of_type("PlanDefinition"):
        computable = "computable" in [one["valueCode"] for one in plan["extension"]]
        assert computable == (plan["type"]["coding"][0]["code"] == "clinical-protocol")


def test_a_local_protocol_is_published_with_its_own_weeks_and_its_name(tmp_path: Path) -> None:
    local = load_knowledge(CARDS, an_overlay(tmp_path, "  - {protocol: LUM_FUS, exercise: bridge, from_week: 8}\n"))

    plan = publish(local, BASE).resources["PlanDefinition/lum-fus"]

    (bridge,) = [one for one in actions_of(plan) if one["id"] == "bridge"]
    assert bridge["timingRange"]["low"]["value"] == 8
    assert local.overlay in plan["description"]


def test_where_nothing_is_signed_what_is_published_is_still_valid() -> None:
    signed = signed_only(knowledge())

    resources = publish(signed, BASE).resources

    for key, resource in resources.items():
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert not [one for one in _walk(resource) if one in ("", None, [], {})], key


def test_a_dose_without_an_upper_bound_is_told_in_words_alone(published: Published) -> None:
    for exercise in knowledge().exercises.values():
        timing = published.resources[f"ActivityDefinition/{exercise.id.replace('_', '-')}"].get("timingTiming")
        spans = [exercise.dosing.minutes, exercise.dosing.times_per_day, exercise.dosing.days_per_week]
        if any(span is not None and span.high is None for span in spans):
            assert timing is None
        elif timing and "frequency" in timing["repeat"]:
            span = exercise.dosing.times_per_day or exercise.dosing.days_per_week
            repeat = timing["repeat"]
            assert (repeat["frequency"], repeat.get("frequencyMax", repeat["frequency"])) == (span.low, span.high)
