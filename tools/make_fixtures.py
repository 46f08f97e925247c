"""Write fhir_fixtures/: synthetic patients as R4 Bundles, whole hook calls, index.json and README.md.

Run `python tools/make_fixtures.py` after a change here; a house test fails while files and script differ. Every person,
number and name is invented. Each story has its own day (`on`), so that the fixtures never grow old.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Resource = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1] / "fhir_fixtures"
SYSTEMS = {
    "cpt": "http://www.ama-assn.org/go/cpt",
    "sct": "http://snomed.info/sct",
    "pcs": "http://www.cms.gov/Medicare/Coding/ICD10",
    "opcs": "https://fhir.hl7.org.uk/Id/opcs-4",
    "icd9": "http://hl7.org/fhir/sid/icd-9-cm",
    "icd": "http://hl7.org/fhir/sid/icd-10-cm",
    "loinc": "http://loinc.org",
    "rx": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "atc": "http://www.whocc.no/atc",
}
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
VITALS = {
    "temperature": ("8310-5", "Body temperature", "Cel", "Cel"),
    "heart rate": ("8867-4", "Heart rate", "beats/minute", "/min"),
    "respiratory rate": ("9279-1", "Respiratory rate", "breaths/minute", "/min"),
    "saturation": ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", "%"),
}
LABS = {
    "crp": ("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", "mg/L", "mg/L"),
    "wbc": ("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", "10*3/uL"),
    "hb": ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", "g/dL"),
    "hba1c": ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", "%"),
}


@dataclass
class Story:
    """One patient: who, on which day one asks, what it shows, and the resources in the order they were recorded."""

    id: str
    on: str
    title: str
    shows: str
    name: tuple[str, str]
    sex: str
    born: str | None
    resources: list[Resource] = field(default_factory=list)

    @property
    def patient_id(self) -> str:
        return "fixture-" + self.id.replace("_", "-")

    def add(self, resource_type: str, body: Resource, subject: str = "subject") -> str:
        number = 1 + sum(one["resourceType"] == resource_type for one in self.resources)
        id_ = f"{self.patient_id}-{resource_type.lower()}-{number}"[-64:]
        self.resources.append(
            {"resourceType": resource_type, "id": id_, **body, subject: {"reference": f"Patient/{self.patient_id}"}}
        )
        return f"{resource_type}/{id_}"

    def operated(self, codes: list[tuple[str, str, str]], day: str | None, text: str | None = None, **more: Any) -> str:
        """A Procedure; *codes* are (system key, code, words)."""
        body: Resource = {"status": more.pop("status", "completed"), "code": concept(codes, text)}
        if day:
            body["performedDateTime"] = day
        return self.add("Procedure", {**body, **more})

    def measured(self, kind: str, value: float, when: str, **more: Any) -> str:
        code, words, unit, ucum = {**VITALS, **LABS}[kind]
        quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": ucum}
        category = "vital-signs" if kind in VITALS else "laboratory"
        return self.observed(code, words, when, {"valueQuantity": more.pop("quantity", quantity)}, category)

    def observed(self, code: str, words: str, when: str, value: Resource, category: str, system: str = "loinc") -> str:
        body = {
            "status": "final",
            "category": [{"coding": [{"system": CATEGORIES, "code": category}]}],
            "code": concept([(system, code, words)]),
            "effectiveDateTime": when,
            **value,
        }
        return self.add("Observation", body)

    def pressure(self, systolic: int, diastolic: int, when: str) -> str:
        def part(code: str, words: str, value: int) -> Resource:
            quantity = {"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
            return {"code": concept([("loinc", code, words)]), "valueQuantity": quantity}

        parts = [
            part("8480-6", "Systolic blood pressure", systolic),
            part("8462-4", "Diastolic blood pressure", diastolic),
        ]
        return self.observed("85354-9", "Blood pressure panel", when, {"component": parts}, "vital-signs")

    def pain(self, score: int, when: str) -> str:
        quantity = {"value": score, "unit": "{score}", "system": "http://unitsofmeasure.org", "code": "{score}"}
        words = "Pain severity - 0-10 verbal numeric rating [Score] - Reported"
        return self.observed("72514-3", words, when, {"valueQuantity": quantity}, "survey")

    def vitals(
        self, when: str, temperature: float = 36.8, heart: int = 74, breaths: int = 15, saturation: int = 98
    ) -> None:
        """A full set on one moment, so that nothing of it is unknown."""
        self.measured("temperature", temperature, when)
        self.measured("heart rate", heart, when)
        self.measured("respiratory rate", breaths, when)
        self.measured("saturation", saturation, when)
        self.pressure(126, 78, when)

    def diagnosed(
        self, codes: list[tuple[str, str, str]], onset: str, text: str | None = None, status: str = "active"
    ) -> str:
        body = {
            "clinicalStatus": coded("http://terminology.hl7.org/CodeSystem/condition-clinical", status),
            "verificationStatus": coded("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
            "category": [coded("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
            "code": concept(codes, text),
            "onsetDateTime": onset,
            "recordedDate": onset,
        }
        return self.add("Condition", body)

    def takes(self, codes: list[tuple[str, str, str]], since: str) -> str:
        body = {"status": "active", "intent": "order", "medicationCodeableConcept": concept(codes), "authoredOn": since}
        return self.add("MedicationRequest", body)

    @property
    def patient(self) -> Resource:
        given, family = self.name
        found: Resource = {
            "resourceType": "Patient",
            "id": self.patient_id,
            "identifier": [{"system": "http://hospital.example.org/mrn", "value": f"MRN-{self.patient_id}"}],
            "name": [{"use": "official", "family": family, "given": [given]}],
            "gender": self.sex,
        }
        if self.born:
            found["birthDate"] = self.born
        return found

    @property
    def bundle(self) -> Resource:
        base = "http://fixtures.example.org/fhir"
        return {
            "resourceType": "Bundle",
            "id": self.id.replace("_", "-"),
            "type": "collection",
            "entry": [
                {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one}
                for one in (self.patient, *self.resources)
            ],
        }


def concept(codes: list[tuple[str, str, str]], text: str | None = None) -> Resource:
    found: Resource = {}
    if codes:
        found["coding"] = [{"system": SYSTEMS[system], "code": code, "display": words} for system, code, words in codes]
    if text:
        found["text"] = text
    return found


def coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


STORIES: list[Callable[[], Story]] = []


def story(make: Callable[[], Story]) -> Callable[[], Story]:
    STORIES.append(make)
    return make


@story
def lumbar_fusion_week_6() -> Story:
    one = Story(
        "lumbar_fusion_week_6", "2026-05-15", "Lumbar fusion, week 6",
        "the main one: instrumented fusion L4-L5, day 44, nothing alarming; phase 2 begins, a programme can be ordered",
        ("Maren", "Quillfeather"), "female", "1967-09-03",
    )  # fmt: skip
    one.operated(
        [("cpt", "22633", "Combined posterolateral and interbody fusion, lumbar"), ("pcs", "0SG00AJ", "Fusion of lumbar vertebral joint")],
        "2026-04-01", "TLIF L4-L5 with pedicle screws", bodySite=[{"text": "L4-L5"}],
    )  # fmt: skip
    one.operated([("cpt", "22840", "Posterior instrumentation, one segment")], "2026-04-01")
    one.diagnosed([("icd", "M43.16", "Spondylolisthesis, lumbar region")], "2025-08-11")
    one.pain(5, "2026-05-01T10:00:00Z")
    one.pain(3, "2026-05-14T16:20:00Z")
    one.vitals("2026-05-15T08:05:00Z")
    return one


@story
def lumbar_fusion_week_3() -> Story:
    one = Story(
        "lumbar_fusion_week_3", "2026-04-24", "Lumbar fusion, week 3",
        "the early phase: walking, breathing, isometrics; no vital signs today, and the card says so once",
        ("Iskander", "Plumbottom"), "male", "1971-02-19",
    )  # fmt: skip
    one.operated(
        [("sct", "34238000", "Lumbar and lumbosacral fusion by posterior technique")], "2026-04-01", "PLIF L5/S1"
    )
    one.pain(4, "2026-04-22T09:00:00Z")
    return one


@story
def lumbar_discectomy_week_3() -> Story:
    one = Story(
        "lumbar_discectomy_week_3", "2026-05-13", "Lumbar microdiscectomy, week 3",
        "an ordinary week after a disc operation, coded in OPCS-4 with its level",
        ("Winifred", "Okonkwo-Stell"), "female", "1984-06-30",
    )  # fmt: skip
    one.operated(
        [("opcs", "V33.7", "Primary microdiscectomy of lumbar intervertebral disc"), ("opcs", "V55.1", "One level of spine")],
        "2026-04-20", bodySite=[{"text": "L5/S1, left"}],
    )  # fmt: skip
    one.pain(2, "2026-05-12T12:00:00Z")
    one.vitals("2026-05-13T09:00:00Z")
    return one


@story
def lumbar_laminectomy_week_8() -> Story:
    one = Story(
        "lumbar_laminectomy_week_8", "2026-05-29", "Lumbar laminectomy, week 8",
        "decompression for stenosis at 72, 4200 steps a day: the active programme",
        ("Ambrose", "Thistlewick"), "male", "1953-11-08",
    )  # fmt: skip
    one.operated(
        [("cpt", "63047", "Laminectomy with facetectomy, one lumbar segment")], "2026-04-01", "Decompression L3/4"
    )
    one.diagnosed([("icd", "M48.062", "Spinal stenosis, lumbar region with neurogenic claudication")], "2025-01-15")
    steps = {
        "valueQuantity": {
            "value": 4200,
            "unit": "steps/day",
            "system": "http://unitsofmeasure.org",
            "code": "{steps}/d",
        }
    }
    one.observed("41950-7", "Number of steps in 24 hour Measured", "2026-05-28", steps, "activity")
    one.pain(3, "2026-05-27T11:00:00Z")
    one.vitals("2026-05-29T08:30:00Z")
    return one


@story
def acdf_week_9() -> Story:
    one = Story(
        "acdf_week_9", "2026-06-05", "Anterior cervical fusion, week 9",
        "ACDF C5-C6: neck movement is unlocked exercise by exercise, neck rolls never",
        ("Petronella", "Vasquez-Holm"), "female", "1975-04-22",
    )  # fmt: skip
    one.operated(
        [("cpt", "22551", "Anterior cervical discectomy and fusion, one interspace")],
        "2026-04-01",
        "ACDF C5-C6 with plate",
    )
    one.operated([("cpt", "22845", "Anterior instrumentation, 2 to 3 segments")], "2026-04-01")
    one.pain(2, "2026-06-04T15:00:00Z")
    one.vitals("2026-06-05T10:15:00Z")
    return one


@story
def cauda_equina() -> Story:
    one = Story(
        "cauda_equina", "2026-05-09", "Cauda equina after discectomy",
        "a red flag: new cauda equina syndrome and retention on day 5; stop, same-day MRI, no list",
        ("Lionel", "Ferncastle"), "male", "1979-12-01",
    )  # fmt: skip
    one.operated([("sct", "178625001", "Primary lumbar microdiscectomy")], "2026-05-04", "Microdiscectomy L4/5")
    one.diagnosed(
        [("icd", "G83.4", "Cauda equina syndrome"), ("sct", "192970008", "Cauda equina syndrome")],
        "2026-05-09T06:40:00Z",
    )
    one.diagnosed([("icd", "R33.9", "Retention of urine, unspecified")], "2026-05-09T06:10:00Z")
    one.vitals("2026-05-09T07:00:00Z", heart=92)
    return one


@story
def fever_wound_infection() -> Story:
    one = Story(
        "fever_wound_infection", "2026-04-12", "Fever and wound infection with a running programme",
        "day 11 after fusion: 101.5 [degF], superficial infection, CRP 6.8 mg/dL; the active home programme can be put on hold",
        ("Oswin", "Marchbanks"), "male", "1962-07-17",
    )  # fmt: skip
    one.operated(
        [("cpt", "22612", "Posterolateral lumbar fusion, one level"), ("pcs", "0SG0071", "Fusion of lumbar joint")],
        "2026-04-01",
        "PLF L4-5",
    )
    one.operated([("cpt", "22840", "Posterior instrumentation")], "2026-04-01")
    one.diagnosed(
        [("icd", "T81.41XA", "Infection following a procedure, superficial incisional surgical site")], "2026-04-12"
    )
    fahrenheit = {"value": 101.5, "unit": "degF", "system": "http://unitsofmeasure.org", "code": "[degF]"}
    one.measured("temperature", 0, "2026-04-12T07:20:00Z", quantity=fahrenheit)
    one.measured("heart rate", 104, "2026-04-12T07:20:00Z")
    per_decilitre = {"value": 6.8, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"}
    one.measured("crp", 0, "2026-04-12T07:45:00Z", quantity=per_decilitre)
    one.add("ServiceRequest", home_programme("2026-04-02", "2026-04-01", "2026-05-12"))
    return one


@story
def crp_course() -> Story:
    one = Story(
        "crp_course", "2026-04-11", "CRP that rises again",
        "posterior interbody fusion, CRP 148, 61, then 88 mg/L on day 10: the second rise counts, not the high first value",
        ("Cosima", "Netherwood"), "female", "1958-03-27",
    )  # fmt: skip
    one.operated([("cpt", "22630", "Posterior lumbar interbody fusion")], "2026-04-01", "PLIF L4/5")
    one.measured("crp", 4, "2026-03-30T08:00:00Z")
    one.measured("crp", 148, "2026-04-04T07:30:00Z")
    one.measured("crp", 61, "2026-04-08T07:30:00Z")
    one.measured("crp", 88, "2026-04-11T07:30:00Z")
    one.measured("wbc", 9.8, "2026-04-11T07:30:00Z")
    one.vitals("2026-04-11T08:00:00Z", temperature=37.4)
    return one


@story
def osteoporosis_fusion() -> Story:
    one = Story(
        "osteoporosis_fusion", "2026-05-20", "Lumbar fusion with osteoporosis, week 7",
        "T-score -2.9 and M81.0: no loaded bending, no impact; resistance waits four weeks longer",
        ("Henrietta", "Applegarth"), "female", "1958-01-12",
    )  # fmt: skip
    one.operated([("cpt", "22633", "Combined posterolateral and interbody fusion, lumbar")], "2026-04-01", "TLIF L4-L5")
    one.operated([("cpt", "22840", "Posterior instrumentation")], "2026-04-01")
    one.diagnosed(
        [
            ("icd", "M81.0", "Age-related osteoporosis without current pathological fracture"),
            ("sct", "64859006", "Osteoporosis"),
        ],
        "2024-02-01",
    )
    score = {"valueQuantity": {"value": -2.9, "unit": "T-Score", "system": "http://unitsofmeasure.org", "code": "1"}}
    one.observed("38267-1", "DXA Lumbar spine [T-score] Bone density", "2025-11-18", score, "imaging")
    one.pain(3, "2026-05-19T14:00:00Z")
    return one


@story
def two_operations() -> Story:
    one = Story(
        "two_operations", "2026-05-20", "Neck fusion, then a lumbar disc",
        "ACDF in November and discectomy in April: only what both allow, each with its own week",
        ("Barnaby", "Holloway-Nkemelu"), "male", "1969-10-05",
    )  # fmt: skip
    one.operated([("cpt", "22551", "Anterior cervical discectomy and fusion")], "2025-11-03", "ACDF C6-C7")
    one.operated([("cpt", "63030", "Lumbar discectomy, one interspace")], "2026-04-13", "Discectomy L5-S1 right")
    one.pain(3, "2026-05-18T10:00:00Z")
    one.vitals("2026-05-20T08:00:00Z")
    return one


@story
def knee_replacement() -> Story:
    one = Story(
        "knee_replacement", "2026-05-20", "Knee replacement",
        "no spine operation: no card (the code is the one that a public spine list labels wrongly as a fusion)",
        ("Sylvester", "Brambleton"), "male", "1955-05-25",
    )  # fmt: skip
    one.operated(
        [("cpt", "27447", "Total knee arthroplasty"), ("sct", "609588000", "Total knee replacement")], "2026-04-01"
    )
    one.pain(4, "2026-05-19T10:00:00Z")
    return one


@story
def planned_fusion() -> Story:
    one = Story(
        "planned_fusion", "2026-05-20", "Fusion planned for June",
        "booked, not done: no card",
        ("Clementine", "Ashdown"), "female", "1973-08-14",
    )  # fmt: skip
    one.operated(
        [("cpt", "22612", "Posterolateral lumbar fusion")], "2026-06-10", "Planned PLF L4-5", status="preparation"
    )
    body = {
        "status": "active", "intent": "order", "code": concept([("cpt", "22612", "Posterolateral lumbar fusion")]),
        "occurrenceDateTime": "2026-06-10", "authoredOn": "2026-05-02",
    }  # fmt: skip
    one.add("ServiceRequest", body)
    return one


@story
def entered_in_error() -> Story:
    one = Story(
        "entered_in_error", "2026-05-20", "Entered in error and cancelled",
        "one fusion recorded by mistake, one cancelled: neither counts, no card",
        ("Desmond", "Wraxall"), "male", "1966-01-31",
    )  # fmt: skip
    one.operated([("cpt", "22612", "Posterolateral lumbar fusion")], "2026-04-01", status="entered-in-error")
    one.operated([("cpt", "22551", "Anterior cervical discectomy and fusion")], "2026-04-08", status="not-done")
    return one


@story
def partial_date() -> Story:
    one = Story(
        "partial_date", "2026-05-20", "Only the month is known",
        "laminectomy in March 2026: read as 31 March, the latest day the record allows",
        ("Rosalind", "Umberleigh"), "female", "1949-02-11",
    )  # fmt: skip
    one.operated(
        [("pcs", "01NB0ZZ", "Release lumbar nerve, open approach"), ("cpt", "63047", "Laminectomy, lumbar")],
        "2026-03",
        "Decompression L4/5",
    )
    one.pain(2, "2026-05-19T10:00:00Z")
    one.vitals("2026-05-20T09:00:00Z")
    return one


@story
def no_data() -> Story:
    return Story(
        "no_data", "2026-05-20", "An empty chart",
        "a patient and nothing else: no card, no error",
        ("Ignatius", "Pell"), "male", "1990-07-07",
    )  # fmt: skip


@story
def no_date() -> Story:
    one = Story(
        "no_date", "2026-05-20", "Fusion without a date",
        "no week, no list: the card asks for the date",
        ("Thomasina", "Larkspur"), "female", "1964-12-24",
    )  # fmt: skip
    one.operated([("cpt", "22612", "Posterolateral lumbar fusion, one level")], None, "PLF L4-5")
    return one


@story
def old_operation() -> Story:
    one = Story(
        "old_operation", "2026-05-20", "A fusion three years ago",
        "the only operation is older than 104 weeks: general advice only",
        ("Lavinia", "Crosthwaite"), "female", "1961-10-10",
    )  # fmt: skip
    one.operated([("cpt", "22612", "Posterolateral lumbar fusion, one level")], "2023-03-14", "PLF L4-5")
    one.pain(2, "2026-05-18T10:00:00Z")
    one.vitals("2026-05-20T08:00:00Z")
    return one


@story
def text_only() -> Story:
    one = Story(
        "text_only", "2026-05-13", "Known from text only",
        "“L4/5 microdiscectomy, left” without a code: a guess for display, the universal set until somebody codes it",
        ("Octavia", "Brindle"), "female", "1988-03-03",
    )  # fmt: skip
    one.operated([], "2026-04-22", "L4/5 microdiscectomy, left")
    one.vitals("2026-05-13T09:30:00Z")
    return one


@story
def unknown_level() -> Story:
    one = Story(
        "unknown_level", "2026-05-13", "Laminectomy, nobody says where",
        "the code names no region: unknown stays unknown, the universal set",
        ("Fitzgerald", "Oakhampton"), "male", "1957-06-16",
    )  # fmt: skip
    one.operated([("sct", "387731002", "Laminectomy")], "2026-04-20")
    return one


@story
def hardware_removal() -> Story:
    one = Story(
        "hardware_removal", "2026-05-20", "Screws out after an old fusion",
        "hardware removal now, and what the old fusion forbids for ever; list to agree with the surgeon first",
        ("Verity", "Stonebridge"), "female", "1970-09-19",
    )  # fmt: skip
    one.operated([("cpt", "22612", "Posterolateral lumbar fusion")], "2023-05-09", "PLF L4-S1 with pedicle screws")
    one.operated(
        [("cpt", "22852", "Removal of posterior segmental instrumentation")],
        "2026-04-20",
        "Removal of pedicle screws L4-S1",
    )
    one.pain(3, "2026-05-18T08:00:00Z")
    one.vitals("2026-05-20T08:10:00Z")
    return one


@story
def paediatric_scoliosis() -> Story:
    one = Story(
        "paediatric_scoliosis", "2026-05-20", "Scoliosis fusion at 14",
        "under 18 the ladder of adolescents holds, sport dates are the surgeon's",
        ("Juniper", "Castellane"), "female", "2011-11-02",
    )  # fmt: skip
    one.operated(
        [("pcs", "0RG8071", "Fusion of 8 or more thoracic vertebral joints, posterior")],
        "2026-03-10",
        "Posterior fusion T4-L1 for scoliosis",
    )
    one.diagnosed([("icd", "M41.124", "Adolescent idiopathic scoliosis, thoracic region")], "2024-04-18")
    one.vitals("2026-05-20T15:00:00Z", heart=82)
    return one


@story
def tumour() -> Story:
    one = Story(
        "tumour", "2026-05-20", "Decompression for a spinal metastasis",
        "active cancer in the spine: universal set only, an individual supervised plan",
        ("Alaric", "Penhaligon"), "male", "1959-04-04",
    )  # fmt: skip
    one.operated([("cpt", "63047", "Laminectomy, one lumbar segment")], "2026-04-15", "Decompression L2 for metastasis")
    one.diagnosed(
        [
            ("icd", "C79.51", "Secondary malignant neoplasm of bone"),
            ("sct", "94222008", "Secondary malignant neoplasm of bone"),
        ],
        "2026-03-28",
        "Metastasis of the L2 vertebra",
    )
    one.pain(3, "2026-05-19T08:00:00Z")
    return one


@story
def spinal_cord_stimulator() -> Story:
    one = Story(
        "spinal_cord_stimulator", "2026-05-06", "Spinal cord stimulator, week 5",
        "lead and generator in one sitting: no overhead reach, no twisting while the lead heals in",
        ("Millicent", "Draycott"), "female", "1968-08-08",
    )  # fmt: skip
    one.operated([("cpt", "63650", "Percutaneous implantation of epidural electrode")], "2026-04-01")
    one.operated([("cpt", "63685", "Insertion of spinal neurostimulator pulse generator")], "2026-04-01")
    one.pain(4, "2026-05-05T10:00:00Z")
    one.vitals("2026-05-06T08:45:00Z")
    return one


@story
def units_in_doubt() -> Story:
    one = Story(
        "units_in_doubt", "2026-05-06", "Values that cannot be trusted",
        "a temperature without unit, a pulse marked as entered in error, an old CRP: ignored, and the card says so",
        ("Quentin", "Sallowfield"), "male", "1977-05-15",
    )  # fmt: skip
    one.operated([("cpt", "63047", "Laminectomy, one lumbar segment")], "2026-04-01", "Decompression L4/5")
    one.measured("temperature", 0, "2026-05-06T07:00:00Z", quantity={"value": 38.9})
    one.measured("heart rate", 141, "2026-05-06T07:00:00Z")
    one.resources[-1]["status"] = "entered-in-error"
    one.measured("crp", 45, "2026-04-12T07:00:00Z")
    one.pain(3, "2026-05-05T10:00:00Z")
    return one


@story
def already_ordered() -> Story:
    one = Story(
        "already_ordered", "2026-05-20", "The programme is ordered already",
        "an active home programme and an active physiotherapy order: nothing is offered twice, the card says since when",
        ("Georgiana", "Tremlett"), "female", "1967-09-09",
    )  # fmt: skip
    one.operated([("cpt", "22633", "Combined posterolateral and interbody fusion, lumbar")], "2026-04-01", "TLIF L4-L5")
    one.operated([("cpt", "22840", "Posterior instrumentation")], "2026-04-01")
    one.add("ServiceRequest", home_programme("2026-05-14", "2026-05-13", "2026-06-23"))
    body = {
        "status": "active", "intent": "order", "authoredOn": "2026-05-14",
        "code": concept([("sct", "91251008", "Physical therapy procedure")], "Physiotherapy, 2 sessions a week"),
        "requester": {"reference": "Practitioner/surgeon-1"},
    }  # fmt: skip
    one.add("ServiceRequest", body)
    one.pain(2, "2026-05-19T10:00:00Z")
    one.vitals("2026-05-20T08:00:00Z")
    return one


def home_programme(authored: str, start: str, end: str) -> Resource:
    """An exercise prescription in the Physical Activity profile, as another system may have written it."""
    activity = "http://hl7.org/fhir/us/physical-activity/CodeSystem/pa-temporary-codes"
    return {
        "meta": {"profile": ["http://hl7.org/fhir/us/physical-activity/StructureDefinition/pa-servicerequest"]},
        "status": "active",
        "intent": "order",
        "category": [coded(activity, "PhysicalActivity"), coded(SYSTEMS["sct"], "91251008")],
        "code": concept([("sct", "229065009", "Exercise therapy")], "Home exercise programme"),
        "occurrencePeriod": {"start": start, "end": end},
        "authoredOn": authored,
        "requester": {"reference": "Practitioner/surgeon-1"},
        "reasonCode": [{"text": "Aftercare after lumbar fusion"}],
    }


KEYS = {
    "procedures": ("Procedure",), "observations": ("Observation",), "conditions": ("Condition",),
    "medications": ("MedicationRequest",), "serviceRequests": ("ServiceRequest",), "carePlans": ("CarePlan",),
    "goals": ("Goal",),
}  # fmt: skip


def prefetch(one: Story) -> Resource:
    """The prefetch a client sends for every key that discovery offers; a key without a find is an empty Bundle."""
    found: Resource = {"patient": one.patient}
    for key, types in KEYS.items():
        entries = [{"resource": resource} for resource in one.resources if resource["resourceType"] in types]
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
        found[key] = {**bundle, "entry": entries} if entries else bundle
    return found


WITH_APPOINTMENTS = ("encounter-discharge", "appointment-book")


def call(hook: str, number: int, one: Story, **context: Any) -> Resource:
    asked = prefetch(one)
    if hook in WITH_APPOINTMENTS:
        asked["appointments"] = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    return {
        "hook": hook,
        "hookInstance": f"7d3c1f5a-0b52-4c8e-9a64-{number:012d}",
        "context": {"userId": "Practitioner/surgeon-1", "patientId": one.patient_id, **context},
        "prefetch": asked,
        "extension": {"org.spine-cds.on": one.on},
    }


def draft(one: Story, id_: str, codes: list[tuple[str, str, str]], text: str) -> Resource:
    return {
        "resourceType": "ServiceRequest", "id": id_, "status": "draft", "intent": "order", "code": concept(codes, text),
        "subject": {"reference": f"Patient/{one.patient_id}"}, "authoredOn": one.on,
        "requester": {"reference": "Practitioner/surgeon-1"},
    }  # fmt: skip


def calls(stories: dict[str, Story]) -> dict[str, tuple[Resource, str, str]]:
    """Whole hook calls: file name -> body, patient story, what it shows."""
    main, early, flag = stories["lumbar_fusion_week_6"], stories["lumbar_fusion_week_3"], stories["cauda_equina"]
    contact = draft(early, "draft-1", [("sct", "229065009", "Exercise therapy")], "Gym: sit-ups and loaded twisting")
    fitting = draft(
        main, "draft-2", [("sct", "91251008", "Physical therapy procedure")], "Physiotherapy: walking and hip strength"
    )
    orders = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": contact}]}
    signed = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": fitting}]}
    visit = {
        "resourceType": "Appointment", "id": "appointment-1", "status": "proposed",
        "serviceType": [concept([("sct", "91251008", "Physical therapy procedure")], "Physiotherapy: strengthening class")],
        "start": "2026-04-27T09:00:00Z", "end": "2026-04-27T09:45:00Z",
        "participant": [{"actor": {"reference": f"Patient/{early.patient_id}"}, "status": "needs-action"}],
    }  # fmt: skip

    def bundle(*resources: Resource) -> Resource:
        return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}

    def appointment(id_: str, one: Story, what: str, day: str, codes: list[tuple[str, str, str]]) -> Resource:
        return {
            "resourceType": "Appointment", "id": id_, "status": "proposed", "serviceType": [concept(codes, what)],
            "start": f"{day}T09:00:00Z", "end": f"{day}T09:45:00Z",
            "participant": [{"actor": {"reference": f"Patient/{one.patient_id}"}, "status": "needs-action"}],
        }  # fmt: skip

    disc, fever = stories["lumbar_discectomy_week_3"], stories["fever_wound_infection"]
    pool = appointment("appointment-2", disc, "Hydrotherapy, group", disc.on, [])
    near = stories["two_operations"]
    flu = appointment("appointment-3", near, "Flu vaccination", near.on, [])
    elliptical = draft(main, "draft-3", [], "Elliptical trainer and stationary bike, 20 minutes, 3 days a week")
    walk = draft(
        main, "draft-4", [("sct", "229065009", "Exercise therapy")], "Walking and step-ups; no sit-ups, no running"
    )
    therapy = draft(fever, "draft-5", [("sct", "229065009", "Exercise therapy")], "Exercise therapy twice a week")
    booked = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": visit}]}
    made = {
        "patient-view": (call("patient-view", 1, main), main, "the chart is opened in week 6 after a lumbar fusion"),
        "patient-view-red-flag": (call("patient-view", 2, flag), flag, "the chart is opened with a new cauda equina syndrome"),
        "encounter-start": (
            call("encounter-start", 3, main, encounterId="encounter-1"), main, "the follow-up visit begins",
        ),
        "encounter-discharge": (
            call("encounter-discharge", 4, early, encounterId="encounter-2"), early, "home in week 3",
        ),
        "order-select": (
            call("order-select", 5, early, selections=["ServiceRequest/draft-1"], draftOrders=orders), early,
            "a gym order that clashes with week 3",
        ),
        "order-sign": (call("order-sign", 6, main, draftOrders=signed), main, "a physiotherapy order that fits"),
        "appointment-book": (
            call("appointment-book", 7, early, appointments=booked), early, "a strengthening class too early",
        ),
        "order-sign-clash": (
            call("order-sign", 8, main, draftOrders=bundle(elliptical, walk)), main,
            "two orders: the elliptical trainer waits for week 16, walking and step-ups fit",
        ),
        "order-sign-red-flag": (
            call("order-sign", 9, fever, draftOrders=bundle(therapy)), fever,
            "exercise therapy is signed while an infection stops it",
        ),
        "appointment-book-pool": (
            call("appointment-book", 10, disc, appointments=bundle(pool)), disc, "a pool group before its week",
        ),
        "appointment-book-follow-up": (
            call("appointment-book", 11, near, appointments=bundle(flu)), near,
            "another visit is booked; the phase gate is near and no follow-up is known",
        ),
    }  # fmt: skip
    return {name: (body, one.id, shows) for name, (body, one, shows) in made.items()}


def files() -> dict[str, str]:
    """Everything that belongs into fhir_fixtures/: path -> content."""
    stories = {one.id: one for one in (make() for make in STORIES)}
    found = {f"patients/{one.id}.json": _json(one.bundle) for one in stories.values()}
    index = [
        {"id": one.id, "file": f"patients/{one.id}.json", "on": one.on, "title": one.title, "shows": one.shows,
         "patient": one.patient_id}
        for one in stories.values()
    ]  # fmt: skip
    made = calls(stories)
    found.update({f"calls/{name}.json": _json(body) for name, (body, _, _) in made.items()})
    called = [
        {"id": name, "file": f"calls/{name}.json", "hook": body["hook"], "patient": patient, "on": stories[patient].on,
         "shows": shows}
        for name, (body, patient, shows) in made.items()
    ]  # fmt: skip
    found["index.json"] = _json({"patients": index, "calls": called})
    found["README.md"] = _readme(index, called)
    return found


def _json(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _readme(index: list[dict[str, str]], called: list[dict[str, str]]) -> str:
    lines = [
        "# Synthetic patients and hook calls",
        "",
        "Every person here is invented. Each story is told for one day; give it with `--on`:",
        "",
        "    spine-cds explain fhir_fixtures/patients/lumbar_fusion_week_6.json --on 2026-05-15",
        "",
        "The files are written by `python tools/make_fixtures.py`; `index.json` lists them for programs.",
        "",
        "## Patients (R4 Bundles)",
        "",
        "| File | On | What it shows |",
        "|---|---|---|",
        *(f"| `{one['file']}` | {one['on']} | {one['shows']} |" for one in index),
        "",
        "## Whole hook calls (body of `POST /cds-services/{id}`, with every prefetch key)",
        "",
        "Each carries its day in the request extension `org.spine-cds.on`, which a service in development mode follows.",
        "",
        "| File | Hook | On | What it shows |",
        "|---|---|---|---|",
        *(f"| `{one['file']}` | {one['hook']} | {one['on']} | {one['shows']} |" for one in called),
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    made = files()
    for path in ROOT.rglob("*"):
        if path.is_file() and path.relative_to(ROOT).as_posix() not in made:
            path.unlink()
    for name, content in made.items():
        target = ROOT / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    print(f"{len(made)} files in {ROOT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
