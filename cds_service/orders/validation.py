"""Check a resource of ours against FHIR itself (fhir.resources). Slow: for tests and `spine-cds check`, never in a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir.resources import get_fhir_model_class as r5_class
from fhir.resources.R4B import get_fhir_model_class as r4_class
from pydantic import ValidationError


def fhir_faults(resource: Mapping[str, Any], fhir_version: str = "4.0.1") -> list[str]:
    """Give what FHIR forbids in *resource*, each as `path: what is wrong`; empty where it is valid.

    Version 4 is checked with the R4B model, which agrees with R4 for everything that we send. Messages hold paths and
    rules, never values.
    """
    find = r5_class if fhir_version.startswith("5") else r4_class
    kind = str(resource.get("resourceType"))
    try:
        model = find(kind)
    except (LookupError, AttributeError, TypeError, ValueError):
        return [f"resourceType: {kind[:40]!r} is no resource of FHIR {fhir_version}"]
    try:
        model.model_validate(dict(resource))
    except ValidationError as error:
        return [
            ".".join(str(step) for step in one["loc"] or ("(whole)",)) + f": {one['msg']}"
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    return []
