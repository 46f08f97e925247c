"""A real Chromium before the running service, for the tests of the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.live import FhirStore, example, running_service, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = (1600, 1000), (360, 740)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The running service in development mode; gives its base URL."""
    with running_service(tmp_path_factory.mktemp("service")) as base_url:
        yield base_url


@pytest.fixture(scope="session")
def fhir_server() -> Iterator[str]:
    """A FHIR server holding one example patient; gives its base URL."""
    with serving(FhirStore(example("osteoporosis_fusion"))) as base_url:
        yield base_url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture()
def page(browser: Browser, service: str) -> Iterator[Page]:
    """The workbench in a wide window; console errors and refused scripts fail the test at its end."""
    context = browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.said = said  # type: ignore[attr-defined]
    yield page
    context.close()
    assert said == [], f"the page complained: {said}"


@pytest.fixture()
def workbench(page: Page, service: str) -> Page:
    """The workbench with its first patient asked about."""
    page.goto(service)
    page.wait_for_selector(".card")
    return page


@pytest.fixture()
def keep_picture(request: pytest.FixtureRequest) -> object:
    """Keep a screenshot under docs/images where SPINE_CDS_SCREENSHOTS names that folder; otherwise do nothing."""
    folder = os.environ.get("SPINE_CDS_SCREENSHOTS")

    def keep(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=False)

    return keep
