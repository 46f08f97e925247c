"""The reader with the guard that the service really uses: allow-list, pinned connections, circuit breaker."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from cds_service.errors import FhirReadFailed, OutboundRefused
from cds_service.intake.fhir_server import FhirClient
from cds_service.intake.prefetch import gather
from cds_service.security.breaker import Breakers
from cds_service.security.outbound import OutboundGuard
from tests.unit.intake.conftest import Handler, Server

BUNDLE = {"resourceType": "Bundle", "type": "searchset", "entry": []}


@pytest.fixture
def real(ehr: Server) -> Iterator[FhirClient]:
    guard = OutboundGuard([ehr.base + "/"], https_only=False, breakers=Breakers(failures=2, open_seconds=60))
    client = FhirClient(guard)
    yield client
    client.session.close()


def read(client: FhirClient, ehr: Server, path: str = "X", base: str | None = None) -> bytes:
    server = client.at(base or ehr.base, "token-1")
    return server.read(server.url_of(path), "X search", time.monotonic() + 2)


def test_a_listed_server_is_read_over_one_kept_connection(real: FhirClient, ehr: Server) -> None:
    ehr.gives("X", BUNDLE)

    for _ in range(3):
        assert b"searchset" in read(real, ehr)

    assert len({one.client for one in ehr.seen}) == 1
    assert ehr.seen[0].headers["Host"] == ehr.base.split("/")[2]


@pytest.mark.parametrize("base", ["http://127.0.0.1:9/fhir", "http://localhost/fhir", "http://169.254.169.254/fhir"])
def test_an_unlisted_server_never_hears_of_us(base: str, real: FhirClient, ehr: Server) -> None:
    with pytest.raises(OutboundRefused):
        read(real, ehr, base=base)

    assert ehr.seen == []


def test_a_next_link_out_of_the_listed_path_is_refused_and_told(real: FhirClient, ehr: Server) -> None:
    outside = ehr.base.replace("/fhir", "/other/Procedure?page=2")
    ehr.gives("Procedure", BUNDLE | {"link": [{"relation": "next", "url": outside}]})

    found = gather(
        {"patient": b"null"}, needs={"procedures"}, context={"patientId": "p1"}, server=real.at(ehr.base), seconds=2
    )

    assert len(ehr.seen) == 1 and "refused" in dict(found.gaps)["procedures"]


def test_a_host_that_keeps_failing_is_left_alone(real: FhirClient, ehr: Server) -> None:
    ehr.gives("X", b"", status=500)

    for _ in range(2):
        with pytest.raises(FhirReadFailed, match="HTTP 500"):
            read(real, ehr)
    with pytest.raises(FhirReadFailed, match="left alone") as raised:
        read(real, ehr)

    assert len(ehr.seen) == 2 and raised.value.retry_may_help


def test_everything_missing_is_read_at_once_through_the_guard(real: FhirClient, ehr: Server) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(0.05)
        handler.say(BUNDLE)

    for name in ("Procedure", "Observation", "Condition", "MedicationRequest", "Goal", "CarePlan", "ServiceRequest"):
        ehr.does(name, slow)
    needs = {"procedures", "observations", "conditions", "medications", "orders"}

    began = time.monotonic()
    found = gather({"patient": b"null"}, needs=needs, context={"patientId": "p1"}, server=real.at(ehr.base), seconds=2)

    assert sum(report.fetched for report in found.reports) == 7 and time.monotonic() - began < 0.3
