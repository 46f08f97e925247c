"""Commands for who plugs us in: call, seed, unseed, doctor, conformance."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import jwt
import requests
from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.panel import Panel
from rich.progress import Progress

from cds_service.cli import ehr_client as ehr
from cds_service.cli.conformance import Checker, Result

DEFAULT_SERVICE = "http://127.0.0.1:8000"
COLOURS = {"critical": "red", "warning": "yellow", "info": "cyan"}
OUTCOME_MARKS = {"pass": "[green]pass[/]", "fail": "[red]FAIL[/]", "warn": "[yellow]warn[/]", "skip": "[dim]skip[/]"}
WITH_ENCOUNTER = ("encounter-start", "encounter-discharge")


def _fhir(url: str, token: str | None) -> ehr.FhirAccess:
    return ehr.FhirAccess(url.rstrip("/"), token)


@click.command()
@click.option("--fhir", "fhir_url", required=True, help="Base URL of the FHIR server.")
@click.option("--patient", "patient_id", required=True, help="Id of the patient on that server.")
@click.option("--hook", default="patient-view", show_default=True)
@click.option("--token", help="Bearer token for the FHIR server.", envvar="SPINE_CDS_CALL_TOKEN")
@click.option(
    "--service", "service_url", default=DEFAULT_SERVICE, show_default=True, help="Base URL of the CDS service."
)
@click.option("--user", default="Practitioner/spine-cds-call", show_default=True)
@click.option(
    "--encounter", "encounter_id", default="spine-cds-call", show_default=True, help="For the hooks that need one."
)
@click.option(
    "--drafts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Bundle of drafts or appointments for the order and appointment hooks.",
)
@click.option("--on", help="Day asked about, YYYY-MM-DD (services in development mode).")
@click.option("--no-prefetch", is_flag=True, help="Send no prefetch: the service reads the FHIR server itself.")
@click.option("--fhir-authorization", is_flag=True, help="Also pass fhirServer and the token beside the prefetch.")
@click.option("--json", "as_json", is_flag=True, help="Print the raw answer.")
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep request and answer in this file (holds patient data).",
)
def call(fhir_url: str, patient_id: str, hook: str, token: str | None, service_url: str, user: str, encounter_id: str, drafts: Path | None,
         on: str | None, no_prefetch: bool, fhir_authorization: bool, as_json: bool, save: Path | None) -> None:  # fmt: skip
    """Be the EHR: read a patient, call the service, show the cards."""
    console = Console()
    fhir = _fhir(fhir_url, token)
    services = ehr.discover(service_url.rstrip("/"))
    service = next((one for one in services if one.get("hook") == hook), None)
    if service is None:
        raise ehr.ClientTrouble(
            f"the service has nothing on {hook}; it offers {', '.join(sorted({str(one.get('hook')) for one in services}))}"
        )
    context: dict[str, Any] = {"userId": user, "patientId": patient_id}
    if hook in WITH_ENCOUNTER:
        context["encounterId"] = encounter_id
    if drafts is not None:
        context.update(_draft_context(hook, json.loads(drafts.read_text(encoding="utf-8"))))
    filled, trouble = (None, []) if no_prefetch else ehr.prefetch(service, context, fhir)
    body = ehr.build_call(hook, context, filled, fhir, fhir_authorization, on)
    status, answer = ehr.post_call(service_url.rstrip("/"), service["id"], body)
    if save:
        save.write_text(json.dumps({"request": body, "status": status, "response": answer}, indent=2), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        for one in trouble:
            console.print(f"[yellow]prefetch {escape(one)}[/]")
        show_answer(console, status, answer)
    if status != 200:
        raise SystemExit(1)


def _draft_context(hook: str, bundle: dict[str, Any]) -> dict[str, Any]:
    if hook == "appointment-book":
        return {"appointments": bundle}
    context: dict[str, Any] = {"draftOrders": bundle}
    if hook == "order-select":
        context["selections"] = [
            f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in bundle.get("entry", [])
        ]
    return context


def show_answer(console: Console, status: int, answer: Any) -> None:
    """Print an answer as a person reads it: one panel a card, or the issues of an OperationOutcome."""
    if status != 200:
        issues = answer.get("issue", []) if isinstance(answer, dict) else []
        console.print(f"[red]The service answered {status}[/]")
        for issue in issues:
            console.print(f"  {escape(str(issue.get('diagnostics') or issue.get('code')))}")
        return
    cards = answer.get("cards", [])
    if not cards:
        console.print("No card: the service has nothing to say.")
    for card in cards:
        console.print(_panel(card))


def _panel(card: dict[str, Any]) -> Panel:
    parts = [card.get("detail", "")]
    for suggestion in card.get("suggestions", []):
        parts.append(
            f"- **{suggestion['label']}**: "
            + "; ".join(action["description"] for action in suggestion.get("actions", []))
        )
    source = card["source"]
    return Panel(
        Markdown("\n\n".join(part for part in parts if part)),
        title=escape(card["summary"]),
        subtitle=escape(f"{card['indicator']} · source: {source['label']}"),
        border_style=COLOURS.get(card["indicator"], "white"),
    )


def _fixture_bundles(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    files = sorted((folder / "patients").glob("*.json"))
    if not files:
        raise ehr.ClientTrouble(f"no example patients under {folder / 'patients'}; name the folder with --fixtures")
    return [(file.stem, json.loads(file.read_text(encoding="utf-8"))) for file in files]


_fixtures_option = click.option(
    "--fixtures", type=click.Path(file_okay=False, path_type=Path), default=Path("fhir_fixtures"), show_default=True
)


@click.command()
@click.option("--fhir", "fhir_url", required=True, help="Base URL of the sandbox.")
@click.option("--token", help="Bearer token for it.", envvar="SPINE_CDS_CALL_TOKEN")
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send nothing.")
@_fixtures_option
def seed(fhir_url: str, token: str | None, dry_run: bool, fixtures: Path) -> None:
    """Load the example patients into a FHIR sandbox (tagged, repeatable; `unseed` removes them)."""
    console = Console()
    bundles = _fixture_bundles(fixtures)
    fhir = _fhir(fhir_url, token)
    with Progress(console=console) as progress:
        task = progress.add_task("patients", total=len(bundles))
        for name, bundle in bundles:
            transaction = ehr.seed_transaction(bundle)
            if not dry_run:
                fhir.send("POST", "", transaction)
            progress.console.print(
                f"{'would send' if dry_run else 'sent'} {name}: {len(transaction['entry'])} resources"
            )
            progress.advance(task)
    console.print(f"{len(bundles)} example patients, tag {ehr.TAG['system']}|{ehr.TAG['code']}")


@click.command()
@click.option("--fhir", "fhir_url", required=True, help="Base URL of the sandbox.")
@click.option("--token", help="Bearer token for it.", envvar="SPINE_CDS_CALL_TOKEN")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@_fixtures_option
def unseed(fhir_url: str, token: str | None, dry_run: bool, fixtures: Path) -> None:
    """Remove from a sandbox what `seed` loaded, by its tag and nothing else."""
    console = Console()
    fhir = _fhir(fhir_url, token)
    kinds = tuple(
        sorted(
            {entry["resource"]["resourceType"] for _, bundle in _fixture_bundles(fixtures) for entry in bundle["entry"]}
        )
    )
    found = ehr.tagged_resources(fhir, kinds)
    with Progress(console=console) as progress:
        for reference in progress.track(found, description="resources"):
            if not dry_run:
                fhir.send("DELETE", reference)
    console.print(f"{len(found)} resources {'would be ' if dry_run else ''}removed")


def _signer(key_file: Path | None, issuer: str, jku: str | None) -> Callable[[str], str] | None:
    """Give a maker of Authorization values from a private JWK file; None without one."""
    if key_file is None:
        return None
    material = json.loads(key_file.read_text(encoding="utf-8"))
    key = jwt.PyJWK(material, algorithm=material.get("alg"))

    def sign(url: str) -> str:
        claims = ehr_claims(issuer, url)
        headers = {"kid": material["kid"], "typ": "JWT", **({"jku": jku} if jku else {})}
        return "Bearer " + jwt.encode(claims, key.key, algorithm=material.get("alg", "ES384"), headers=headers)

    return sign


def ehr_claims(issuer: str, url: str) -> dict[str, Any]:
    """The claims of a client's token for one call to *url*, valid for five minutes from now."""
    issued = int(time.time())
    return {"iss": issuer, "aud": url, "iat": issued, "exp": issued + 300, "jti": str(uuid.uuid4())}


_key_options = [
    click.option(
        "--key",
        "key_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Private JWK to sign the calls with.",
    ),
    click.option("--issuer", default="https://sandbox.cds-hooks.org", show_default=True),
    click.option("--jku", help="Where the public key can be fetched."),
    click.option(
        "--origin",
        default="http://localhost:8080",
        show_default=True,
        help="Origin of the browser client to test CORS for.",
    ),
]


def _with_key_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_key_options):
        command = option(command)
    return command


@click.command()
@click.argument("url", default=DEFAULT_SERVICE)
@_with_key_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a result.")
@click.option("--all", "show_all", is_flag=True, help="Also list what passed.")
def conformance(
    url: str, key_file: Path | None, issuer: str, jku: str | None, origin: str, as_json: bool, show_all: bool
) -> None:
    """Check any CDS Hooks service against the rules of 2.0 and 3.0."""
    results = list(Checker(url, origin, _signer(key_file, issuer, jku)).run())
    if as_json:
        for one in results:
            click.echo(
                json.dumps(
                    {
                        "rule": one.rule,
                        "section": one.section,
                        "outcome": one.outcome,
                        "what": one.what,
                        "found": one.found,
                        "fix": one.fix,
                    }
                )
            )
    else:
        _print_results(Console(), results, show_all)
    if any(one.outcome == "fail" for one in results):
        raise SystemExit(1)


def _print_results(console: Console, results: list[Result], show_all: bool) -> None:
    for one in results:
        if one.outcome == "pass" and not show_all:
            continue
        found = f" (found: {one.found})" if one.found else ""
        console.print(
            f"{OUTCOME_MARKS[one.outcome]} {one.rule:<3} {escape(one.section)}: {escape(one.what)}{escape(found)}"
        )
        if one.outcome in ("fail", "warn"):
            console.print(f"         {escape(one.fix)}")
    counts = {outcome: sum(one.outcome == outcome for one in results) for outcome in OUTCOME_MARKS}
    console.print(f"{len(results)} checks: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))


@click.command()
@click.argument("url", default=DEFAULT_SERVICE)
@_with_key_options
@click.option("--fhir", "fhir_url", help="Also check that the service can read this FHIR server (with --patient).")
@click.option("--patient", "patient_id", help="A patient on that server.")
@click.option("--token", help="Bearer token for the FHIR server.", envvar="SPINE_CDS_CALL_TOKEN")
def doctor(
    url: str,
    key_file: Path | None,
    issuer: str,
    jku: str | None,
    origin: str,
    fhir_url: str | None,
    patient_id: str | None,
    token: str | None,
) -> None:
    """Tell what stands between your EHR and this service, and the fix for each."""
    console = Console()
    findings = list(_diagnose(url.rstrip("/"), _signer(key_file, issuer, jku), origin))
    if fhir_url and patient_id:
        findings += _diagnose_fhir(url.rstrip("/"), _fhir(fhir_url, token), patient_id)
    for good, what, fix in findings:
        console.print(
            f"{'[green]good[/]' if good else '[red]fix [/]'}  {escape(what)}"
            + ("" if good else f"\n      {escape(fix)}")
        )
    if not all(good for good, _, _ in findings):
        raise SystemExit(1)


def _diagnose(url: str, sign: Callable[[str], str] | None, origin: str) -> Iterable[tuple[bool, str, str]]:
    address = f"{url}/cds-services"
    try:
        bare = requests.get(address, timeout=ehr.TIMEOUT_SECONDS)
    except requests.RequestException as error:
        yield (
            False,
            f"{address} cannot be reached ({type(error).__name__})",
            "start it (spine-cds serve), or check host, port, proxy and certificate",
        )
        return
    yield True, f"{address} answers {bare.status_code}", ""
    if bare.status_code == 401 and sign is None:
        yield (
            False,
            "the service wants a signed token",
            "sign the calls: --key private.jwk.json --issuer YOUR-ISSUER; `spine-cds explain-token` tells which check fails",
        )
        return
    answer = requests.get(
        address, headers={"Authorization": sign(address)} if sign else {}, timeout=ehr.TIMEOUT_SECONDS
    )
    if sign:
        yield (
            answer.status_code == 200,
            f"a signed discovery call answers {answer.status_code}",
            "the body names the failed check; compare issuer, audience and key with the tenant file",
        )
    checker = Checker(url, origin, sign)
    for one in checker.run():
        if one.rule in ("D1", "D2", "D4", "J7", "C4") and one.outcome in ("fail", "warn"):
            yield False, f"{one.rule} {one.what}: {one.found}", one.fix
    yield True, "discovery, templates, CORS and prefetch were looked at", ""


def _diagnose_fhir(url: str, fhir: ehr.FhirAccess, patient_id: str) -> list[tuple[bool, str, str]]:
    services = [one for one in ehr.discover(url) if one.get("hook") == "patient-view"]
    if not services:
        return [(False, "no service on patient-view", "publish one")]
    context = {"userId": "Practitioner/doctor", "patientId": patient_id}
    filled, trouble = ehr.prefetch(services[0], context, fhir)
    findings = [
        (
            not trouble,
            f"the FHIR server answers {len(filled)} of {len(filled) + len(trouble)} templates",
            "; ".join(trouble),
        )
    ]
    status, answer = ehr.post_call(
        url, services[0]["id"], ehr.build_call("patient-view", context, filled, None, False, None)
    )
    findings.append((status == 200, f"with prefetch the service answers {status}", json.dumps(answer)[:300]))
    status, answer = ehr.post_call(
        url, services[0]["id"], ehr.build_call("patient-view", context, None, fhir, True, None)
    )
    findings.append(
        (
            status == 200,
            f"reading the server itself the service answers {status}",
            "allow this FHIR base URL for the tenant (fhir_servers), and check that the service can reach it",
        )
    )
    return findings


COMMANDS = (call, seed, unseed, conformance, doctor)
