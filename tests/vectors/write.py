"""Writes the golden vectors, or says with --check which of them differ."""

import argparse
import sys
from pathlib import Path

from tests.vectors.cases.all_documents import documents, rendered

_ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/vectors", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    options = parser.parse_args()
    folder = _ROOT / "tests" / "vectors"
    texts = {folder / f"{name}.json": rendered(document) for name, document in documents().items()}
    differing = sorted(path for path, text in texts.items() if not path.is_file() or path.read_text() != text)
    orphans = sorted(set(folder.glob("*.json")).difference(texts))
    for path in (*differing, *orphans):
        print(path.relative_to(_ROOT))
    if options.check:
        return 1 if differing or orphans else 0
    for path in differing:
        path.write_text(texts[path])
    for path in orphans:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
