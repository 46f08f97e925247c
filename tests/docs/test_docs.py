"""The documentation holds: the site builds strictly and loads nothing from elsewhere; every command in it runs; what a
command is said to print it prints; every tenants file in it loads; every link of the repository leads to a file.

A ```sh block is run as it stands, page by page, in a copy of the repository's folders, with the addresses of the examples
replaced by a running service and a small FHIR server. A ```text block right after it is held to what was printed, line
by line; `...` stands for what is left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import zip_longest
from pathlib import Path

import pytest
import requests

from cds_service.cli.main import main as spine_cds
from cds_service.security.tenants import load_tenants
from tests.live import ROOT, START_SECONDS, FhirStore, example, free_port, running_service, serving

pytestmark = pytest.mark.xdist_group("docs")

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NEEDED = (
    "cards",
    "fhir_fixtures",
    "deploy",
    "openapi.yaml",
    "Makefile",
    "pyproject.toml",
    "compose.yaml",
    "requirements.lock",
    "requirements-test.lock",
)

NOT_RUN = {
    "docker": "no container engine where the tests run; compose.yaml and Dockerfile are linted by tests/security/test_deploy.py",
    "kubectl": "no cluster where the tests run; the manifests are checked by tests/security/test_deploy.py",
    "make": "each verb sets up an environment of its own, which CI does with `make test`; here its recipe is read by `make -n`",
}
"""First word of a command that the tests do not run as written, and why."""

SERVES = ("spine-cds serve", ".venv/bin/spine-cds serve")
SERVICE = "http://127.0.0.1:8000"
FHIR_SERVERS = ("http://127.0.0.1:8080/fhir", "https://launch.smarthealthit.org/v/r4/fhir")
COMMAND_SECONDS = 120

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<kind>[a-z]*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<body>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_EXIT_CODE = re.compile(r"# exit code (\d+)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; *printed* is the text block right after it, or None."""

    kind: str
    title: str | None
    body: str
    printed: str | None = None

    @property
    def commands(self) -> list[str]:
        joined = self.body.replace("\\\n", " ")
        return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = list(_FENCE.finditer(text))
    made = []
    for one, following in zip_longest(found, found[1:]):
        body = "".join(line.removeprefix(one["indent"]) for line in one["body"].splitlines(keepends=True))
        adjoins = (
            following is not None and following["kind"] == "text" and not text[one.end() : following.start()].strip()
        )
        made.append(Block(one["kind"], one["title"], body, following["body"] if adjoins and following else None))
    return made


def with_commands() -> list[Path]:
    return [page for page in PAGES if any(block.kind == "sh" for block in blocks(page))]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_service(tmp_path_factory.mktemp("service")) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def fhir_server() -> Iterator[str]:
    with serving(FhirStore(example("osteoporosis_fusion"))) as base_url:
        yield base_url


@pytest.fixture()
def place(tmp_path: Path) -> Path:
    """A copy of the folders that commands name, with `.venv/bin/spine-cds` in it."""
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, words in (("spine-cds", "-m cds_service.cli.main"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec env PYTHONPATH="{ROOT}" "{sys.executable}" {words} "$@"\n')
        (programs / name).chmod(0o755)
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SPINE_CDS_")}
    return plain | {
        "PATH": f"{place / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "150",
        "SPINE_CDS_DATABASE_URL": f"sqlite:///{place}/store.sqlite3",
        "SPINE_CDS_CARDS": str(place / "cards"),
    }


def led(text: str, service: str, fhir_server: str) -> str:
    """Put the running service and FHIR server where the page names the examples' addresses, or means them by default."""
    text = text.replace(SERVICE, service).replace("spine-cds call ", f"spine-cds call --service {service} ")
    for one in FHIR_SERVERS:
        text = text.replace(one, fhir_server)
    return text


def run_block(block: Block, place: Path, service: str, fhir_server: str) -> str:
    script = led(block.body, service, fhir_server)
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=place,
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    said = done.stdout + done.stderr
    expected = _EXIT_CODE.search(block.body)
    assert done.returncode == (int(expected[1]) if expected else 0), f"{script}\n{said}"
    return said


def start_and_stop(block: Block, place: Path) -> str:
    """Run a block that ends in `spine-cds serve` until the service answers, then stop it."""
    port = str(free_port())
    log = place / "serve.log"
    with log.open("w") as out:
        script = block.body.replace("SPINE_CDS_PORT=", "IGNORED_PORT=")
        served = subprocess.Popen(
            ["bash", "-eu", "-c", script],
            cwd=place,
            env=environment(place) | {"SPINE_CDS_PORT": port},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + START_SECONDS
            while "discovery" not in log.read_text():
                assert served.poll() is None and time.monotonic() < until, f"{block.body}\n{log.read_text()}"
                time.sleep(0.1)
            assert requests.get(f"http://127.0.0.1:{port}/ready", timeout=10).status_code == 200
        finally:
            os.killpg(served.pid, 15)
            served.wait(timeout=30)
    return log.read_text()


def read_recipes(block: Block, place: Path) -> None:
    for command in block.commands:
        words = command.partition("#")[0].split()
        subprocess.run(["make", "--dry-run", *words[1:]], cwd=place, check=True, capture_output=True)


def shown(said: str) -> str:
    """What was printed, without colours and borders, in single spaces."""
    plain = re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─┃]", " ", said)
    return " ".join(plain.split())


@pytest.mark.parametrize("page", with_commands(), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_command_of_a_page_runs_and_prints_what_is_said(
    page: Path, place: Path, service: str, fhir_server: str
) -> None:
    for block in blocks(page):
        if block.kind == "yaml" and block.title:
            file = place / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(led(block.body, service, fhir_server), encoding="utf-8")
        if block.kind != "sh":
            continue
        first = block.commands[0].split()[0]
        if any(command.split("  #")[0].strip().endswith(SERVES) for command in block.commands):
            said = start_and_stop(block, place)
        elif first == "make":
            read_recipes(block, place)
            continue
        elif first in NOT_RUN:
            continue
        else:
            said = run_block(block, place, service, fhir_server)
        for line in (block.printed or "").splitlines():
            if line.strip() not in ("", "..."):
                for part in line.split("..."):
                    assert shown(led(part, service, fhir_server)) in shown(said), (
                        f"{block.body}\nis said to print {part!r}, and printed\n{said}"
                    )


def test_only_few_kinds_of_commands_are_not_run() -> None:
    assert set(NOT_RUN) == {"docker", "kubectl", "make"}


def test_every_command_of_ours_has_a_chapter_with_an_example() -> None:
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    tried = "\n".join(block.body for block in blocks(DOCS / "commands.md") if block.kind == "sh")

    for name in spine_cds.commands:
        assert f"`spine-cds {name}`" in text and f"<!-- help: {name} -->" in text, name
        assert re.search(rf"spine-cds {name}\b", tried), f"commands.md never runs spine-cds {name}"


TENANT_FILES = [
    pytest.param(block, id=f"{page.relative_to(DOCS).as_posix()}:{block.title}")
    for page in PAGES
    for block in blocks(page)
    if block.kind == "yaml" and re.match(r"\s*tenants:", block.body)
]


@pytest.mark.parametrize("block", TENANT_FILES)
def test_every_tenants_file_loads(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text(block.body, encoding="utf-8")

    tenants = load_tenants(file, production="development" not in (block.title or ""))

    assert tenants.all


def test_every_page_on_connecting_an_ehr_has_a_tenants_file_that_is_tried() -> None:
    assert len(TENANT_FILES) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_link_leads_somewhere_where_the_repository_is_read(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists() or target.startswith(("reference/", "../reference/")), target


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Loads(HTMLParser):
    """Collects what a browser fetches by itself for a page, and its links within the site."""

    def __init__(self, html: str):
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed"):
            self.fetched.append(given.get("src") or "")
        if tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.fetched.append(given.get("href") or "")
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))


def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))

    fetched = {url for page in pages for url in Loads(page.read_text(encoding="utf-8")).fetched}

    assert len(pages) > 100
    assert not [url for url in fetched if re.match(r"(https?:)?//", url)]
    styles = "\n".join(file.read_text(encoding="utf-8") for file in site.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", styles)


def test_every_link_of_the_site_leads_to_a_file_of_it(site: Path) -> None:
    broken = []
    for page in sorted(site.rglob("*.html")):
        for link in Loads(page.read_text(encoding="utf-8")).links:
            target = link.partition("#")[0]
            if target and not re.match(r"[a-z]+:|//|/", target) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(site)} -> {link}")

    assert broken == []


def test_every_page_stands_once_in_the_menu(site: Path) -> None:
    menu = (site / "index.html").read_text(encoding="utf-8").partition('class="md-content"')[0]
    links = re.findall(r'<a href="([^"#]+\.html)" class="md-nav__link', menu)

    assert len(links) > 15 and sorted(links) == sorted(set(links))


def test_the_api_page_tells_every_route_and_every_shape(site: Path) -> None:
    text = (site / "api.html").read_text(encoding="utf-8")

    for told in (
        "POST /cds-services/spine-rehab-patient-view",
        "GET /ready",
        "POST /explain",
        "412",
        "OperationOutcome",
    ):
        assert told in text
