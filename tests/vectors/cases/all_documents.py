"""All vector files by name, and how they are written."""

from __future__ import annotations

import functools
import json

from tests.vectors.cases import (
    commons_types,
    consensus,
    core,
    deciding,
    economy,
    economy_imports,
    economy_types,
    execution,
    governance,
    members,
    proofs,
    protocols,
    replication,
    sharing,
    state,
)
from tests.vectors.cases.vector_file import Document


@functools.cache
def documents() -> dict[str, Document]:
    found: dict[str, Document] = {}
    for module in (
        core,
        governance,
        deciding,
        members,
        economy,
        economy_imports,
        economy_types,
        commons_types,
        consensus,
        proofs,
        replication,
        protocols,
        state,
        execution,
        sharing,
    ):
        for name, document in module.documents().items():
            assert name not in found, f"two files of the name {name}"
            found[name] = document
    return found


def rendered(document: Document) -> str:
    """The text of a file, one case a line, so that a change shows as one line."""
    head = {name: value for name, value in document.items() if name != "cases"}
    cases = ",\n  ".join(json.dumps(case) for case in document["cases"])
    start = json.dumps(head, indent=1).rstrip("}").rstrip()
    return f'{start},\n "cases": [\n  {cases}\n ]\n}}\n'
