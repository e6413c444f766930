"""What exists is listed, written down and covered: protocols, entry types, limits."""

import ast
import re
from collections.abc import Iterator

import pytest

from p2pnode.vocabulary import ENTRY_TYPES
from tests.arch import tree

_README = tree.ROOT / "protocols" / "README.md"
_VECTORS = tree.ROOT / "tests" / "vectors"
_PROTOCOL_ID = re.compile(r"/p2pnode/[a-z]+/[0-9]+")

written = pytest.mark.skipif(not _README.is_file(), reason="protocols/README.md is not written yet")


def _texts(*packages: str) -> Iterator[tuple[tree.Module, str]]:
    for module in tree.modules():
        if module.belongs_to(*packages):
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield module, node.value


def _type_constants() -> dict[str, str]:
    """Give the value of each public NAME_TYPE = "..." of the pure layers, and where it stands."""
    found = {}
    for module in tree.pure_modules():
        for node in module.tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))) if (
                    name.endswith("_TYPE") and not name.startswith("_")
                ):
                    found[text] = module.where(node.lineno)
    return found


def test_every_entry_type_is_listed() -> None:
    listed = {entry_type.name for entry_type in ENTRY_TYPES}
    defined = _type_constants()
    assert len(listed) == len(ENTRY_TYPES), "two types bear one name"
    assert not {name: where for name, where in defined.items() if name not in listed}, "add it to ENTRY_TYPES"
    assert listed <= defined.keys()


@written
@pytest.mark.parametrize("name", [entry_type.name for entry_type in ENTRY_TYPES])
def test_every_entry_type_is_written_down(name: str) -> None:
    assert f"`{name}`" in _README.read_text(), "protocols/README.md has no line about this type"


@pytest.mark.skipif(not any(_VECTORS.rglob("*.json")), reason="there are no vectors yet")
@pytest.mark.parametrize("name", [entry_type.name for entry_type in ENTRY_TYPES])
def test_every_entry_type_has_a_vector(name: str) -> None:
    vectors = [path for path in tree.files() if path.is_relative_to(_VECTORS) and path.suffix == ".json"]
    assert any(f'"{name}"' in path.read_text() for path in vectors)


@written
def test_every_protocol_is_written_down() -> None:
    text = _README.read_text()
    used = {
        protocol: module.name
        for module, constant in _texts("protocols", "p2pnode")
        for protocol in _PROTOCOL_ID.findall(constant)
    }
    assert used
    assert not {protocol: name for protocol, name in used.items() if protocol not in text}


def test_every_protocol_is_listed() -> None:
    homes = {
        module.name.rpartition(".")[2]
        for module, constant in _texts("protocols")
        if _PROTOCOL_ID.fullmatch(constant) and module.path.name != "__init__.py"
    }
    listed = {
        node.id if isinstance(node, ast.Name) else node.attr
        for module in tree.modules()
        if module.name == "protocols"
        for statement in module.tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and "PROTOCOLS" in ast.unparse(statement).partition("=")[0]
        for node in ast.walk(statement)
        if isinstance(node, ast.Name | ast.Attribute)
    } | {
        module_name
        for module in tree.modules()
        if module.name == "protocols"
        for module_name in re.findall(r"from protocols\.(\w+) import", module.path.read_text())
    }
    assert homes <= listed, "add it to PROTOCOLS in protocols/__init__.py"


def test_limits_say_their_reason() -> None:
    # Constants without a blank line between them share one reason.
    paragraphs = (tree.ROOT / "p2pnode" / "core" / "limits.py").read_text().split("\n\n")
    limits = [text for text in paragraphs if re.search(r"^[A-Z][A-Z_0-9]* *[:=]", text, re.MULTILINE)]
    assert limits
    assert not [text for text in limits if '"""' not in text and "#" not in text]
