"""Mapping files: a few lines of TOML that say which column of a sheet means what."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from p2pnode.core.errors import UsageError
from p2pnode.importers.sheet import SheetForm

TIME_SHEET_COLUMNS = ("who", "date", "hours", "what", "project", "stream", "note", "id")
METER_COLUMNS = ("meter", "time", "amount")
_SHEET = {"encoding": str, "delimiter": str, "skip_lines": int, "dates": str, "decimal": str, "zone": str}
_NAME_CHARACTERS_MAX = 200
_WORDS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class SheetMapping:
    """What the columns of a sheet mean.

    Shapes: columns give the heading of each meaning; defaults the word where there is no column, or its cell
    is empty; words what a cell of a column stands for, by meaning and cell; source names the sheet where rows
    have ids of their own; options are those of one kind of sheet.
    """

    form: SheetForm
    columns: Mapping[str, str]
    defaults: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]
    source: str
    options: Mapping[str, Any]


def read_mapping(
    text: str, meanings: Collection[str], required: Collection[str], options: Mapping[str, type]
) -> SheetMapping:
    """The mapping in a text. Shapes: meanings are the names of columns; required those that a column or a
    default has to give. Errors: UsageError mapping.*.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refused(f"this is no TOML: {error}") from error
    _check_names(found, ("source", "sheet", "columns", "defaults", "words", *options), "the mapping")
    sheet = _table(found, "sheet", _SHEET)
    for name, kind in _SHEET.items():
        if name in sheet and type(sheet[name]) is not kind:
            raise _refused(f"[sheet] {name} is a {'number' if kind is int else 'text'}")
    if len(sheet.get("delimiter", ";")) != 1 or sheet.get("decimal", ",") not in (",", "."):
        raise _refused("a delimiter is one character, a decimal character is , or .")
    if not 0 <= sheet.get("skip_lines", 0) <= 1000:
        raise _refused("at most 1000 lines are skipped")
    columns, defaults = _texts(found, "columns", meanings), _texts(found, "defaults", meanings)
    for name in required:
        if name not in columns and name not in defaults:
            raise UsageError(
                "mapping.no_column",
                f"the mapping names no column for {name}",
                f'write it under [columns]: {name} = "heading", or under [defaults]: {name} = "word"',
            )
    words = found.get("words", {})
    _check_names(words, meanings, "[words]")
    tables = {name: _texts(words, name, None) for name in words}
    for name, kind in options.items():
        if name in found and type(found[name]) is not kind:
            raise _refused(f"{name} is {'true or false' if kind is bool else 'a ' + kind.__name__}")
    source = found.get("source", "")
    if type(source) is not str or len(source) > _NAME_CHARACTERS_MAX:
        raise _refused("source is a text of at most 200 characters")
    if "id" in columns and not source:
        raise UsageError(
            "mapping.no_source",
            "rows with ids need the name of the sheet that they are of",
            'write in the first line of the mapping: source = "time sheet of the shop"',
        )
    form = SheetForm(**sheet)
    return SheetMapping(
        form, columns, defaults, tables, source, {name: found[name] for name in options if name in found}
    )


def check_headings(mapping: SheetMapping, headings: Collection[str]) -> None:
    """Refuse a mapping that names columns which are not there. Errors: UsageError mapping.no_such_column."""
    missing = [heading for heading in mapping.columns.values() if heading not in headings]
    if missing:
        shown = ", ".join(heading for heading in headings if heading)
        raise UsageError(
            "mapping.no_such_column",
            f"the sheet has no column {', '.join(missing)}",
            f"its columns are: {shown[:500]}",
        )


def cell_of(mapping: SheetMapping, cells: Mapping[str, str], meaning: str) -> str:
    """What a row says for a meaning: the cell, or the word it stands for, or the default."""
    heading = mapping.columns.get(meaning)
    cell = cells.get(heading, "") if heading is not None else ""
    cell = mapping.words.get(meaning, {}).get(cell, cell)
    return cell or mapping.defaults.get(meaning, "")


def _table(found: Mapping[str, Any], name: str, names: Collection[str]) -> dict[str, Any]:
    table = found.get(name, {})
    _check_names(table, names, f"[{name}]")
    return dict(table)


def _texts(found: Mapping[str, Any], name: str, names: Collection[str] | None) -> dict[str, str]:
    table = found.get(name, {})
    if names is not None:
        _check_names(table, names, f"[{name}]")
    if type(table) is not dict or len(table) > _WORDS_MAX:
        raise _refused(f"[{name}] is no table of words")
    if any(type(item) is not str for item in table.values()):
        raise _refused(f"[{name}] gives texts in quotes")
    return dict(table)


def _check_names(table: Any, names: Collection[str], where: str) -> None:
    if type(table) is not dict:
        raise _refused(f"{where} is no table")
    unknown = sorted(set(table) - set(names))
    if unknown:
        raise _refused(f"{where} knows no {', '.join(unknown)}; it knows {', '.join(names)}")


def _refused(why: str) -> UsageError:
    return UsageError("mapping.bad", why, "p2pnode import sheet --help shows a mapping")
