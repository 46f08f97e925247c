"""The pages of the documentation that are made, not written: used by mkdocs (see `hooks` in mkdocs.yml).

From openapi.yaml the HTTP interface, from cards/ the knowledge reference, from the settings their table, from the command
line its help, and the texts that live beside what they describe (cards/README.md, SECURITY.md, ...) as pages. A link from
a written page to such a text leads to its page on the site, and to the file where the repository is read.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any

import click
import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from cds_service.cli.main import main as spine_cds
from cds_service.knowledge.load import load_knowledge
from cds_service.reference.build import write_site
from cds_service.settings import as_markdown

ROOT = Path(__file__).parents[1]
OPENAPI = "openapi.yaml"
TEXTS = {
    "cards/README.md": "knowledge-format.md",
    "fhir_fixtures/README.md": "patients.md",
    "SECURITY.md": "security.md",
    "DECISIONS.md": "decisions.md",
    "CHANGELOG.md": "changelog.md",
}
"""File of the repository -> its page."""

PAGE_OF = {**TEXTS, OPENAPI: "api.md", "README.md#settings": "settings.md"}
_OUTSIDE = re.compile(r"\]\((?P<target>(?:\.\./)+[^)]+)\)")
_HELP = re.compile(r"^<!-- help: (?P<command>[a-z-]+) -->$", re.MULTILINE)
_METHODS = ("get", "post")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages."""
    for path, content in made_pages():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead links out of docs/ to the pages made of those files, and put in the help of commands."""
    here = dirname(page.file.src_uri)
    led = _OUTSIDE.sub(lambda found: f"]({_on_site(found['target'], here)})", markdown)
    return _HELP.sub(lambda found: _help(found["command"]), led)


def made_pages() -> Iterator[tuple[str, str]]:
    """Give every made page as (path in docs/, text)."""
    for text, page in TEXTS.items():
        yield page, (ROOT / text).read_text(encoding="utf-8")
    spec = (ROOT / OPENAPI).read_text(encoding="utf-8")
    yield OPENAPI, spec
    yield "api.md", api_page(yaml.safe_load(spec))
    yield "settings.md", f"# Settings\n\n{_SETTINGS}\n{as_markdown()}"
    with tempfile.TemporaryDirectory() as folder:
        write_site(load_knowledge(ROOT / "cards"), Path(folder))
        for file in sorted(Path(folder).rglob("*.*")):
            yield f"reference/{file.relative_to(folder).as_posix()}", file.read_text(encoding="utf-8")


_SETTINGS = """Environment variables. The service refuses to start on a wrong or an unknown one and lists every fault at once.
`spine-cds settings` checks those that are set and prints this table.
"""


def _on_site(target: str, here: str) -> str:
    """Give the page of a link out of docs/; what has no page stays as it is, and mkdocs complains."""
    in_repository = normpath(join("docs", here, target))
    path, _, part = in_repository.partition("#")
    if in_repository in PAGE_OF:
        return relpath(PAGE_OF[in_repository], here or ".")
    if path in PAGE_OF:
        return relpath(PAGE_OF[path], here or ".") + (f"#{part}" if part else "")
    return target


def _help(name: str) -> str:
    command = spine_cds.commands[name]
    context = click.Context(command, info_name=f"spine-cds {name}", max_content_width=100)
    return f"```text\n{command.get_help(context)}\n```"


def api_page(spec: dict[str, Any]) -> str:
    """Write the HTTP interface as one page: every route with its bodies, answers and examples, then every shape."""
    lines = [
        "# HTTP interface",
        "",
        spec["info"]["description"],
        "The same for programs: [openapi.yaml](openapi.yaml).",
        "",
    ]
    for path, routes in spec["paths"].items():
        for method in _METHODS:
            if method in routes:
                lines += _route(spec, method, path, routes[method])
    lines += ["## Shapes", ""]
    for name, schema in spec["components"]["schemas"].items():
        lines += _shape(name, schema)
    return "\n".join(lines) + "\n"


def _route(spec: dict[str, Any], method: str, path: str, route: dict[str, Any]) -> list[str]:
    lines = [f"## `{method.upper()} {path}`", "", f"**{route['summary']}.** {_prose(route.get('description', ''))}", ""]
    body = _content(spec, route.get("requestBody", {}))
    if body:
        lines += [f"Body: {_kind(body.get('schema', {}))}.", "", *_examples(spec, "Example of a body", body)]
    lines += ["| Status | Meaning | Body |", "|---|---|---|"]
    answers = {status: _resolved(spec, answer) for status, answer in route["responses"].items()}
    for status, answer in answers.items():
        shape = _content(spec, answer).get("schema", {})
        lines.append(f"| {status} | {_cell(answer['description'])} | {_kind(shape) if shape else ''} |")
    lines.append("")
    for status, answer in answers.items():
        if status == "200":
            lines += _examples(spec, "Example of an answer", _content(spec, answer))
    return lines


def _shape(name: str, schema: dict[str, Any]) -> list[str]:
    lines = [f"### {name}", "", _prose(schema.get("description", "")), ""]
    properties = schema.get("properties", {})
    if properties:
        needed = set(schema.get("required", ()))
        lines += ["| Member | Kind | Required | Meaning |", "|---|---|---|---|"]
        for member, one in properties.items():
            lines.append(
                f"| `{member}` | {_kind(one)} | {'yes' if member in needed else ''} | {_cell(one.get('description', ''))} |"
            )
        lines.append("")
    return lines


def _kind(schema: dict[str, Any]) -> str:
    """Say what a value is; a named shape is a link."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for word in ("oneOf", "anyOf", "allOf"):
        if word in schema:
            return (" and " if word == "allOf" else " or ").join(dict.fromkeys(_kind(one) for one in schema[word]))
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    told = schema.get("type", "anything")
    told = " or ".join(told) if isinstance(told, list) else told
    return f"{told} ({schema['format']})" if "format" in schema else told


def _examples(spec: dict[str, Any], title: str, content: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for example in content.get("examples", {}).values():
        told = _resolved(spec, example)
        text = json.dumps(told["value"], indent=2, ensure_ascii=False)
        lines += [
            f'??? example "{title}: {told["summary"]}"',
            "",
            "    ```json",
            *(f"    {line}" for line in text.splitlines()),
            "    ```",
            "",
        ]
    return lines


def _content(spec: dict[str, Any], holder: dict[str, Any]) -> dict[str, Any]:
    return next(iter(_resolved(spec, holder).get("content", {}).values()), {})


def _resolved(spec: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        found: Any = spec
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value


def _prose(text: str) -> str:
    return text.strip()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
