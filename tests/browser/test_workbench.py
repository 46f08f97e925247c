"""The workbench in a real browser: what a clinician and an integrator do in their first ten minutes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, WIDE
from tests.live import ROOT

pytestmark = pytest.mark.xdist_group("browser")

HOOKS = ("patient-view", "encounter-start", "encounter-discharge", "order-select", "order-sign", "appointment-book")
RED_FLAG = "cauda_equina"
Keep = Callable[[Page, str], None]


def open_example(page: Page, service: str, example: str) -> None:
    page.goto(f"{service}/?example={example}")
    expect(page.locator("#cards-line")).to_contain_text("ms", timeout=15_000)


def test_the_first_look_shows_a_card_and_the_timeline(workbench: Page, keep_picture: Keep) -> None:
    expect(workbench.locator(".card h3").first).to_contain_text("Lumbar fusion")
    expect(workbench.locator(".tracks figcaption").first).to_contain_text("phase P2")
    expect(workbench.locator("#version")).to_contain_text("draft")

    keep_picture(workbench, "workbench")


def test_a_red_flag_stands_first_and_takes_the_list_away(page: Page, service: str, keep_picture: Keep) -> None:
    open_example(page, service, RED_FLAG)

    first = page.locator(".card").first
    expect(first).to_have_class("card critical")
    expect(page.locator("#why")).to_contain_text("STOP_ALL")
    expect(page.get_by_role("button", name="Order this programme")).to_have_count(0)
    keep_picture(page, "workbench-red-flag")


def test_the_week_slider_moves_the_day_and_the_answer(workbench: Page) -> None:
    workbench.locator("#week").evaluate(
        "(slider) => { slider.value = 20; slider.dispatchEvent(new Event('input')); slider.dispatchEvent(new Event('change')); }"
    )

    expect(workbench.locator(".card h3").last).to_contain_text("week 20")
    expect(workbench.locator("#on")).to_have_value("2026-08-19")


def test_accepting_shows_the_orders_and_nothing_is_offered_twice(workbench: Page, keep_picture: Keep) -> None:
    workbench.get_by_role("button", name="Order this programme", exact=True).click()

    accepted = workbench.locator(".accepted")
    expect(accepted).to_contain_text("ServiceRequest")
    expect(accepted).to_contain_text("CarePlan")
    expect(workbench.locator(".card [role=status]").first).to_have_text("feedback stored")
    keep_picture(workbench, "workbench-accepted")
    accepted.get_by_role("button", name="Ask again").click()
    expect(workbench.get_by_role("button", name="Order this programme", exact=True)).to_have_count(0)
    expect(workbench.locator("#cards")).to_contain_text("lready ordered")


def test_overriding_with_a_reason_sends_feedback(workbench: Page) -> None:
    card = workbench.locator(".card").first
    card.locator("summary", has_text="Override").click()
    card.get_by_label("Reason for overriding").select_option(index=1)
    card.get_by_role("button", name="Send").click()

    expect(card.locator("[role=status]")).to_have_text("feedback stored")


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_can_be_asked(workbench: Page, hook: str) -> None:
    with workbench.expect_response(
        lambda answer: "/cds-services/" in answer.url and answer.request.method == "POST"
    ) as answered:
        workbench.locator("#hook").select_option(hook)
        if hook == "patient-view":
            workbench.get_by_role("button", name="Ask the service").click()

    assert answered.value.status == 200
    assert answered.value.request.post_data_json["hook"] == hook


def test_a_key_that_could_not_be_had_is_said(workbench: Page) -> None:
    workbench.locator("#prefetch-box summary").click()
    workbench.locator("#state-observations").select_option("error")

    expect(workbench.locator("#cards")).to_contain_text("ould not")


def test_a_call_without_procedures_is_no_empty_page(page: Page, service: str) -> None:
    page.goto(service)
    page.wait_for_selector(".card")
    page.locator("#prefetch-box summary").click()
    page.locator("#state-procedures").select_option("omit")

    expect(page.locator("#cards-line")).to_contain_text("412")
    page.said.clear()  # type: ignore[attr-defined]  # the browser itself logs the 412


def test_a_pasted_bundle_is_answered_and_nonsense_is_refused_in_words(workbench: Page) -> None:
    workbench.get_by_role("tab", name="Bundle").click()
    workbench.locator("#bundle-text").fill('{"resourceType": "Bundle"')
    workbench.get_by_role("button", name="Use this Bundle").click()
    expect(workbench.locator("#trouble")).to_contain_text("not JSON")

    bundle = json.loads((ROOT / "fhir_fixtures/patients/acdf_week_9.json").read_text())
    workbench.locator("#bundle-text").fill(json.dumps(bundle))
    workbench.get_by_role("button", name="Use this Bundle").click()
    expect(workbench.locator(".tracks figcaption").first).to_contain_text("ervical")


def test_a_patient_of_a_fhir_server_can_be_chosen(workbench: Page, fhir_server: str) -> None:
    workbench.get_by_role("tab", name="FHIR server").click()
    workbench.locator("#fhir-url").fill(fhir_server)
    workbench.locator("#fhir-name").fill("a")
    workbench.get_by_role("button", name="Search").click()
    workbench.locator("#fhir-found button").first.click()

    expect(workbench.locator("#cards")).to_contain_text("RF29")


def test_the_call_can_be_copied_as_curl(workbench: Page, service: str) -> None:
    workbench.get_by_role("button", name="Copy as curl").click()

    copied = workbench.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"curl -s -X POST '{service}/cds-services/spine-rehab-patient-view'")


def test_the_tabs_work_with_the_keyboard(workbench: Page) -> None:
    workbench.locator("#tab-example").focus()
    workbench.keyboard.press("ArrowRight")

    expect(workbench.locator("#tab-bundle")).to_be_focused()
    expect(workbench.locator("#from-bundle")).to_be_visible()
    expect(workbench.locator("#from-example")).to_be_hidden()


@pytest.mark.parametrize("example", ["lumbar_fusion_week_6", RED_FLAG, "crp_course"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing(page: Page, service: str, example: str, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    open_example(page, service, example)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")

    # axe needs to inject its script past our own policy, so it is run through the browser's own evaluate.
    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()


def test_a_telephone_needs_no_sideways_scrolling(page: Page, service: str, keep_picture: Keep) -> None:
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    open_example(page, service, "crp_course")

    assert page.evaluate("document.scrollingElement.scrollWidth") <= NARROW[0]
    keep_picture(page, "workbench-narrow")


def test_everything_comes_from_our_own_origin(page: Page, service: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(service)
    page.wait_for_selector(".card")

    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "unsafe-inline" not in policy and "script-src 'self'" in policy
    assert {url for url in asked if not url.startswith((service, "data:"))} == set()


def test_every_vendored_library_names_its_licence() -> None:
    vendor = ROOT / "cds_service/web/workbench/vendor"
    licences = [file.name for file in Path(vendor).glob("LICENSE.*")]

    assert len(licences) == len(list(vendor.glob("*.js")))
