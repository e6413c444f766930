"""M1: a year of quarters of an hour for twenty households, from a sheet in CSV into a node.

The baseline reads the same sheet with Python's own csv and writes the rows into SQLite, unsigned.
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from p2pnode.local.client import Client
from tests.bench.figures import Figure, Options, figure
from tests.bench.homes import Author
from tests.bench.node_process import started_node

HOUSES = 20
QUARTERS = 35_040
_START_S = 1_735_689_600
_QUARTER_S = 900
_MAPPING = '[sheet]\ndecimal = "."\n[columns]\ntime = "time"\nmeter = "meter"\namount = "kWh"\n'
_CLI = Path(__file__).resolve().parents[2] / "cli.py"


def measure(options: Options) -> list[Figure]:
    """Seconds for all readings, and readings a second, beside plain SQLite."""
    quarters = options.scaled(QUARTERS)
    seconds, plain, rates, plain_rates = [], [], [], []
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory(prefix="p2pnode-bench-") as folder:
            sheet = _sheet(Path(folder), quarters)
            took, base = _import(Path(folder), sheet, quarters), _baseline(Path(folder), sheet)
        seconds.append(took)
        plain.append(base)
        rates.append(HOUSES * quarters / took)
        plain_rates.append(HOUSES * quarters / base)
    return [
        figure("m1.meters.seconds", "s", seconds, plain),
        figure("m1.meters.rate", "readings/s", rates, plain_rates),
    ]


def _sheet(folder: Path, quarters: int) -> Path:
    path = folder / "year.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("meter,time,kWh\n")
        for house in range(HOUSES):
            for quarter in range(1, quarters + 1):
                moment = time.gmtime(_START_S + _QUARTER_S * quarter)
                amount = (house * 7919 + quarter * 104_729) % 900
                file.write(f"house {house},{time.strftime('%Y-%m-%d %H:%M', moment)},0.{amount:03}\n")
    return path


def _import(folder: Path, sheet: Path, quarters: int) -> float:
    author = Author(folder / "home")
    group = author.found().hex()
    author.close()
    mapping = folder / "meters.toml"
    mapping.write_text(_MAPPING, "utf-8")
    with started_node(author.home.path):
        client = Client(author.home)
        for house in range(HOUSES):
            said = {
                "name": f"house {house}",
                "action": "consume",
                "decimals": 3,
                "every_ms": _QUARTER_S * 1000,
                "unit": "kWh",
            }
            client.post("/economy", {"group": group, "what": "meter", "said": said})
        command = (*("import", "meters", str(sheet), "--map", str(mapping), "-g", group), "--json")
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(_CLI), "--home", str(author.home.path), *command],
            check=True,
            capture_output=True,
            env=dict(os.environ),
        )
        took = time.monotonic() - start
    assert json.loads(done.stdout)["recorded"] == HOUSES * quarters
    return took


def _baseline(folder: Path, sheet: Path) -> float:
    start = time.monotonic()
    connection = sqlite3.connect(folder / "plain.db")
    connection.execute("CREATE TABLE reading (meter TEXT, time TEXT, amount TEXT)")
    with sheet.open(encoding="utf-8", newline="") as file, connection:
        rows = csv.reader(file)
        next(rows)
        connection.executemany("INSERT INTO reading VALUES (?, ?, ?)", rows)
    connection.close()
    return time.monotonic() - start
