"""House test 1: who may import whom, absolute imports only, none inside a function, each library in its rooms."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "cds_service"

# A room may import only rooms of a lower floor, or itself. Longest matching name wins.
FLOORS: dict[str, int] = {
    "errors": 0,
    "later": 0,
    "steps": 0,
    "patient": 1,
    "hooks": 1,
    "metrics": 1,
    "version": 1,
    "yaml_text": 1,
    "tracing": 1,
    "audit": 1,
    "knowledge": 2,
    "intake": 2,
    "wire": 2,
    "security": 2,
    "settings": 2,
    "store": 2,
    "clinical": 3,
    "cards": 4,
    "orders": 4,
    "handout": 4,
    "publish": 4,
    "reference": 4,
    "explain": 4,
    "picture": 4,
    "respond": 5,
    "web": 6,
    "app": 7,
    "cli": 8,
}
# Same-floor neighbours that never import each other are the default; these pairs are the stated exceptions.
# explain uses the short names of orders/words.py, so that card, order and trace call a thing alike.
NEIGHBOURS: set[tuple[str, str]] = {
    ("cards", "orders"),
    ("explain", "cards"),
    ("explain", "orders"),
    ("picture", "orders"),
}

# Library -> rooms that may import it (prefix match on the module path inside the package).
# patient and clinical make values by the hundred in a call and make them as msgspec Structs; they decode nothing. Nor do
# orders, respond, web and store, which make a few in every call.
LIBRARIES: dict[str, tuple[str, ...]] = {
    "flask": ("web", "app", "cli"),
    "msgspec": ("intake", "wire", "patient", "clinical", "orders", "respond", "web", "store"),
    "fhir": ("orders", "publish"),
    "requests": ("intake", "security", "cli"),
    "marshmallow": ("wire", "hooks", "knowledge", "security"),
    "yaml": ("yaml_text",),
    "sqlalchemy": ("store",),
    "alembic": ("store",),
    "jwt": ("security", "cli"),
    "AntiSSRF": ("security",),
    "opentelemetry": ("tracing",),
    "structlog": ("web", "app"),
    "prometheus_client": ("metrics",),
    "jinja2": ("reference", "handout"),
    "click": ("cli",),
    "rich": ("cli",),
}


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _room(name: str) -> str:
    return name.split(".")[0]


def _imports(tree: ast.AST) -> list[tuple[str, ast.stmt | ast.expr]]:
    """Every module that is imported, at once or by Later("its name")."""
    found: list[tuple[str, ast.stmt | ast.expr]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            found.append((node.module or "", node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Later":
            (module,) = node.args
            assert isinstance(module, ast.Constant), f"line {node.lineno}: Later takes a name that can be read here"
            found.append((module.value, node))
    return found


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_each_import_points_down(path: Path) -> None:
    name = _name(path)
    if not name:
        return
    room = _room(name)
    assert room in FLOORS, f"{name}: the room {room!r} has no floor; add it to FLOORS and to DECISIONS.md"
    for imported, node in _imports(ast.parse(path.read_text())):
        if not imported.startswith("cds_service."):
            continue
        other = _room(imported.removeprefix("cds_service."))
        if other == room:
            continue
        below = FLOORS[other] < FLOORS[room] or (room, other) in NEIGHBOURS
        assert below, f"{name}:{node.lineno} imports {imported}, which is not below {room}"


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_imports_stand_at_the_top(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(function):
                assert not isinstance(node, ast.Import | ast.ImportFrom), f"{_name(path)}:{node.lineno}"
        if isinstance(function, ast.If) and "TYPE_CHECKING" in ast.dump(function.test):
            raise AssertionError(f"{_name(path)}:{function.lineno} hides an import behind TYPE_CHECKING")


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    name = _name(path)
    for imported, node in _imports(ast.parse(path.read_text())):
        rooms = LIBRARIES.get(imported.split(".")[0])
        if rooms is not None:
            assert _room(name) in rooms, f"{name}:{node.lineno} imports {imported}; it belongs to {', '.join(rooms)}"


def test_only_later_imports_by_name() -> None:
    for path in _modules():
        if _name(path) != "later":
            assert "import_module" not in path.read_text() and "__import__" not in path.read_text(), _name(path)


def test_only_settings_reads_the_environment() -> None:
    for path in _modules():
        if _name(path).startswith(("settings", "cli")):
            continue
        source = path.read_text()
        assert "os.environ" not in source and "getenv" not in source, _name(path)
