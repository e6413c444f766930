"""Cells of sheets: a text that no spreadsheet takes for a formula, and back."""

from __future__ import annotations

GUARD = "'"
_GUARDED = ("=", "+", "-", "@", "\t", "\r", GUARD)


def guarded(cell: str) -> str:
    """A text that no spreadsheet takes for a formula. Shapes: `unguarded` gives the text back."""
    return f"{GUARD}{cell}" if cell.startswith(_GUARDED) else cell


def unguarded(cell: str) -> str:
    """The text behind what `guarded` wrote."""
    return cell[1:] if cell.startswith(GUARD) and cell[1:].startswith(_GUARDED) else cell
