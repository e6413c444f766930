"""The pure layers compute the same on every machine: no float, no I/O, no order that a hash decides."""

import ast
from collections.abc import Iterator

import pytest

from tests.arch import tree

_ORDERED_BY = {"list", "tuple", "iter", "enumerate", "zip", "map", "next", "reversed"}
_FORBIDDEN_CALLS = {
    "breakpoint": "it stops the program",
    "compile": "rules are data",
    "eval": "rules are data",
    "exec": "rules are data",
    "float": "all amounts are integers (J3)",
    "hash": "it differs from run to run",
    "id": "it differs from run to run",
    "input": "values come in as arguments",
    "open": "values come in as arguments",
    "print": "values go out as results",
    "__import__": "imports stand at the top",
}


def _is_set(node: ast.AST) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("set", "frozenset")
    return False


def _faults(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=float() | complex()):
            yield "a float"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            yield "a division that gives a float"
        case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
            yield "async code"
        case ast.Global() | ast.Nonlocal():
            yield "state outside its arguments"
        case ast.Call(func=ast.Name(id=name)) if name in _FORBIDDEN_CALLS:
            yield f"a call of {name}: {_FORBIDDEN_CALLS[name]}"
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in _ORDERED_BY and _is_set(first):
            yield f"{name}() over a set, whose order differs from run to run"
        case ast.Call(func=ast.Attribute(attr="join"), args=[first, *_]) if _is_set(first):
            yield "join() over a set, whose order differs from run to run"
        case ast.For(iter=source) if _is_set(source):
            yield "a loop over a set, whose order differs from run to run"
        case (
            ast.ListComp(generators=parts)
            | ast.GeneratorExp(generators=parts)
            | ast.DictComp(generators=parts)
        ):
            if any(_is_set(part.iter) for part in parts):
                yield "a comprehension over a set, whose order differs from run to run"
        case ast.Starred(value=source) if _is_set(source):
            yield "a set unpacked into a sequence"
    if isinstance(node, ast.arg | ast.AnnAssign) and _names(node.annotation) & {"float", "complex"}:
        yield "a float annotation"
    if isinstance(node, ast.FunctionDef) and _names(node.returns) & {"float", "complex"}:
        yield "a function that returns a float"


def _names(annotation: ast.expr | None) -> set[str]:
    return {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)} if annotation else set()


@pytest.mark.parametrize("module", tree.pure_modules(), ids=lambda module: module.name)
def test_pure_layers_are_pure(module: tree.Module) -> None:
    faults = [
        f"{module.where(getattr(node, 'lineno', 0))}: {fault}"
        for node in ast.walk(module.tree)
        for fault in _faults(node)
    ]
    assert not faults


@pytest.mark.parametrize(
    "line",
    [
        "x = 0.5",
        "x = a / b",
        "x = float(a)",
        "def f(x: float): pass",
        "def f() -> float: pass",
        "x = hash(a)",
        "x = list(set(a))",
        "x = [b for b in {1, 2}]",
        "for b in frozenset(a): pass",
        "x = ','.join({a for a in b})",
        "x = (*set(a), 1)",
        "async def f(): pass",
        "print(1)",
    ],
)
def test_the_check_sees(line: str) -> None:
    assert [fault for node in ast.walk(ast.parse(line)) for fault in _faults(node)]


@pytest.mark.parametrize(
    "line", ["x = a // b", "x = sorted(set(a))", "x = {b for b in set(a)}", "x = 1 in {1, 2}"]
)
def test_the_check_lets_pass(line: str) -> None:
    assert not [fault for node in ast.walk(ast.parse(line)) for fault in _faults(node)]
