"""Read an ICD-10-PCS code by its seven axes, so that a code nobody listed is understood too."""

from __future__ import annotations

import re

from cds_service.knowledge.surgery import NO, PcsBodyPart, PcsRule, SurgeryKnowledge, SurgicalFact

SYSTEM = "icd10pcs"
_SHAPE = re.compile(r"[0-9A-HJ-NP-Z]{7}")
_SECTIONS = ("0", "X")  # medical and surgical; new technology. Injections, imaging, manipulation ... stand elsewhere


def read_pcs(code: str, knowledge: SurgeryKnowledge) -> SurgicalFact | None:
    """Tell what the code says; None where it is no ICD-10-PCS code at all.

    A code that opens nothing, or at no spine body part, is a fact too: no spine operation.
    """
    if not _SHAPE.fullmatch(code):
        return None
    body_system, root, body_part, approach, device, qualifier = code[:2], *code[2:]
    if code[0] not in _SECTIONS:
        return _no_operation(code, f"section {code[0]} of ICD-10-PCS holds no operations")
    part = knowledge.pcs_parts.get((body_system, body_part))
    if part is None:
        return _no_operation(code, f"body part {body_part} of body system {body_system} is not of the spine")
    rules = knowledge.pcs_rules[body_system]  # the loader has seen to it that one of them fits anything
    rule = next(rule for rule in rules if rule.fits(part, root, approach, device, qualifier))
    return _spine_fact(code, part, rule, knowledge)


def _spine_fact(code: str, part: PcsBodyPart, rule: PcsRule, knowledge: SurgeryKnowledge) -> SurgicalFact:
    if rule.operation == NO:
        return _no_operation(code, f"{part.term}: {rule.say}")
    root = knowledge.pcs_values.get(("root_operation", code[2]), f"root operation {code[2]}")
    return SurgicalFact(
        system=SYSTEM,
        code=code,
        term=f"{root} of {part.term}",
        mark=rule.mark,
        source=rule.source,
        operation=rule.operation,
        surgery_class=rule.surgery_class,
        region=part.region,
        fusion=rule.fusion,
        approach=rule.approach or _approach(code[4], knowledge),
        technique=rule.technique,
        instrumented=True if code[5] == "A" and rule.fusion else rule.instrumented,
        revision=rule.revision,
        family=f"{code[:2]}{code[3]}" if part.count else None,
        count=part.count,
        names=part.names,
        addon=False,
        say=f"{root}, body part {code[3]} ({part.term}): {rule.say}",
    )


def _approach(value: str, knowledge: SurgeryKnowledge) -> str | None:
    """Percutaneous and endoscopic ways in say something of the technique; open says nothing of the side."""
    term = knowledge.pcs_values.get(("approach", value))
    return {"percutaneous": "percutaneous", "percutaneous endoscopic": "endoscopic"}.get(term or "")


def _no_operation(code: str, say: str) -> SurgicalFact:
    return SurgicalFact(
        SYSTEM, code, say, "V", "ICD-10-PCS", NO, None, None, None, None, None, None, None, None, None, (), False, say
    )
