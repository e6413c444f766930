"""The golden vectors agree with the program, and every rule id that a decoder can give has one."""

import ast
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p2pnode.core.crypto import is_signed
from tests.fuzz.targets import TARGETS, refusal
from tests.vectors.cases.all_documents import documents, rendered
from tests.vectors.cases.vector_file import read

_FOLDER = Path(__file__).parent
_FILES = {path.name.removesuffix(".json"): path for path in sorted(_FOLDER.glob("*.json"))}

# Rules that no vector can show, each with its reason.
_WITHOUT_VECTOR = {
    "measure.bad_unit": "is for people who type a unit",
    "figures.bad_month": "is for people who ask for figures, which no two nodes have to agree on",
    "figures.too_many": "the same",
    "group.full": "needs a thousand members: tests/unit/governance/test_state.py",
    "vector.not_an_entry": "belongs to the vectors themselves",
    "vector.not_typed": "belongs to the vectors themselves",
}


def _document(name: str) -> Any:
    return json.loads(_FILES[name].read_text())


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_file_is_what_the_program_writes(name: str) -> None:
    assert _FILES[name].read_text() == rendered(documents()[name]), "run scripts/vectors, and say why"


def test_no_file_is_left_over() -> None:
    assert sorted(_FILES) == sorted(documents())


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_decoder_agrees(name: str) -> None:
    cases = _document(name)["cases"]
    assert {case["name"]: case["rule"] for case in cases} == {
        case["name"]: refusal(TARGETS[name], read(case["input"])) for case in cases
    }
    for case in cases:
        if "facts" in case:
            assert TARGETS[name].facts(TARGETS[name].decode(read(case["input"]))) == case["facts"]


@pytest.mark.parametrize("name", sorted(set(TARGETS) - {"run_compressed"}))
def test_every_decoder_accepts_and_refuses(name: str) -> None:
    rules = [case["rule"] for case in _document(name)["cases"]]
    assert None in rules
    assert any(rules)


def test_signatures_agree() -> None:
    for case in _document("signature")["cases"]:
        parts = (bytes.fromhex(case[field]) for field in ("key", "message", "signature"))
        assert is_signed(*parts) == case["valid"], case["name"]


def test_links_hold_no_padding_and_no_line() -> None:
    for case in _document("link")["cases"]:
        if case["name"] == "one address":
            body = read(case["input"]).decode().removeprefix("p2pnode:join:")
            assert base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


def _rules_in(place: Path) -> Iterator[tuple[str, str]]:
    """Every rule id that a pure layer names, with its file."""
    for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id="FormatError" | "UsageError"), args=[ast.Constant(value=rule), *_]
                ):
                    yield str(rule), path.name
                case ast.Call(func=ast.Name(id="Fields"), args=[_, ast.Constant(value=prefix), *_]):
                    yield f"{prefix}.bad_field", path.name
                case ast.Constant(value=str(text)) if re.fullmatch(
                    r"(group|invite|join|leave|founding|batch|type|import)\.[a-z_]+", text
                ):
                    yield text, path.name


def _rules_shown(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "rule" and isinstance(item, str):
                yield item
            yield from _rules_shown(item)
    elif isinstance(value, list):
        if len(value) == 3 and value[1] in ("void", "petition", "provisional") and isinstance(value[2], str):
            yield value[2]
        for item in value:
            yield from _rules_shown(item)


def test_every_rule_has_a_vector(checkout: Path) -> None:
    shown = {rule for name in _FILES for rule in _rules_shown(_document(name))}
    named = {
        rule: file
        for layer in ("core", "governance", "economy", "consensus", "replication")
        for rule, file in _rules_in(checkout / "p2pnode" / layer)
    }
    types = {"group.found", "import.duplicate"}
    assert {
        rule: file for rule, file in named.items() if rule not in shown | types | set(_WITHOUT_VECTOR)
    } == {}


def test_every_rule_is_spelled_like_one() -> None:
    for name in _FILES:
        for rule in _rules_shown(_document(name)):
            assert re.fullmatch(r"[a-z]+\.[a-z_]+", rule), f"{name}: {rule}"
