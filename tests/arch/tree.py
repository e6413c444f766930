"""Reads the checkout for the architecture tests: its files, its modules and what they import."""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PURE_PARTS = (
    "p2pnode.core",
    "p2pnode.consensus",
    "p2pnode.economy",
    "p2pnode.federation",
    "p2pnode.governance",
    "p2pnode.penalties",
    "p2pnode.replication",
    "p2pnode.vocabulary",
)


@dataclass(frozen=True)
class Import:
    """One imported module, where it stands, the function that holds it, and whether it is for types only."""

    target: str
    line: int
    function: str | None
    types_only: bool


@dataclass(frozen=True)
class Module:
    """One Python file of ours under its dotted name, with its tree."""

    name: str
    path: Path
    tree: ast.Module

    def where(self, line: int) -> str:
        return f"{self.path.relative_to(ROOT)}:{line}"

    def belongs_to(self, *packages: str) -> bool:
        return any(is_inside(self.name, package) for package in packages)


def is_inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@functools.cache
def files() -> tuple[Path, ...]:
    """Give every file that git tracks or would track, so that a new file is judged before it is committed."""
    output = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in sorted(set(output.split("\0"))) if name)
    return tuple(path for path in paths if path.is_file())


def texts() -> Iterator[tuple[Path, str]]:
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield path, content.decode("utf-8")


@functools.cache
def modules() -> tuple[Module, ...]:
    """Give the modules of p2pnode/, protocols/ and cli.py."""
    found = []
    for path in files():
        parts = path.relative_to(ROOT).with_suffix("").parts
        if path.suffix == ".py" and (parts[0] in ("p2pnode", "protocols") or parts == ("cli",)):
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(Module(name, path, ast.parse(path.read_bytes(), str(path))))
    return tuple(found)


def pure_modules() -> tuple[Module, ...]:
    return tuple(module for module in modules() if module.belongs_to(*PURE_PARTS))


def imports(module: Module) -> Iterator[Import]:
    yield from _imports(module, module.tree, None, types_only=False)


def _imports(module: Module, node: ast.AST, function: str | None, *, types_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(alias.name, child.lineno, function, types_only)
            case ast.ImportFrom(names=names):
                source = _absolute(module, child)
                for alias in names:
                    inner = f"{source}.{alias.name}"
                    target = inner if inner in _own_names() else source
                    yield Import(target, child.lineno, function, types_only)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield from _imports(module, child, function or name, types_only=types_only)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from _imports(module, child, function, types_only=True)
            case _:
                yield from _imports(module, child, function, types_only=types_only)


def _absolute(module: Module, statement: ast.ImportFrom) -> str:
    if not statement.level:
        return statement.module or ""
    package = module.name if module.path.name == "__init__.py" else module.name.rpartition(".")[0]
    for _ in range(statement.level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{statement.module}" if statement.module else package


@functools.cache
def _own_names() -> frozenset[str]:
    return frozenset(module.name for module in modules())


def is_own(target: str) -> bool:
    return target.partition(".")[0] in ("p2pnode", "protocols", "cli")


def is_standard(target: str) -> bool:
    return target.partition(".")[0] in sys.stdlib_module_names
