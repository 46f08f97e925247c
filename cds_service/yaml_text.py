"""Read YAML as text with places: every scalar stays a string, every path knows its line. Gives no types."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cds_service.errors import Fault

PathKey = tuple[str | int, ...]

# The C parser reads the whole folder in a fraction of the time; it is missing where PyYAML was built without libyaml.
# The base loader guesses no types: here every scalar is text.
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(slots=True)
class TextFile:
    """A YAML file as text: *content* of str, list and dict only, and the line (from 1) of every path in it."""

    name: str
    content: Any = None
    lines: dict[PathKey, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line_of(self, path: PathKey) -> int:
        """Give the line of *path*, or of its nearest ancestor that has one."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def place(self, path: PathKey) -> str:
        """Give `file:line: dotted.path` for a fault."""
        dotted = ".".join(str(step) for step in path)
        return f"{self.name}:{self.line_of(path)}" + (f": {dotted}" if dotted else "")


def read_yaml_text(file: Path, name: str | None = None) -> TextFile:
    """Read *file*; syntax errors and repeated keys become faults instead of exceptions."""
    text = TextFile(name or file.name)
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        text.faults.append(Fault(f"{text.name}:1", "the file is missing", "a YAML file", "add it or restore it"))
        return text
    except UnicodeDecodeError as error:
        text.faults.append(Fault(f"{text.name}:1", f"not UTF-8 at byte {error.start}", "a UTF-8 text file"))
        return text
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        text.faults.append(Fault(f"{text.name}:{line}", f"cannot be read as YAML: {error.problem}", "valid YAML"))
        return text
    if node is not None:
        try:
            text.content = _plain(node, (), text)
        except RecursionError:
            text.faults.append(
                Fault(f"{text.name}:1", "an anchor (&) holds itself (*)", "an anchor that ends before its use")
            )
    return text


def _plain(node: yaml.Node, path: PathKey, text: TextFile) -> Any:
    text.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), text) for index, item in enumerate(node.value)]
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        line = key_node.start_mark.line + 1
        if key in found:
            text.faults.append(Fault(f"{text.name}:{line}", f"the key {key!r} stands here twice", "each key once"))
            continue
        text.lines[(*path, key)] = line
        found[key] = _plain(value_node, (*path, key), text)
    return found
