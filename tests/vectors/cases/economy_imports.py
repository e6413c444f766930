"""Vectors of what is brought in: events of sheets, meters and their readings."""

from __future__ import annotations

from typing import Any

from p2pnode.core import codec
from p2pnode.economy import event, importing, metering
from p2pnode.economy.event import Event
from p2pnode.economy.form import Form
from p2pnode.economy.measure import Measure
from tests.vectors.cases.material import START_MS
from tests.vectors.cases.vector_file import Document, VectorFile

_METER, _MEMBER, _KEY = (bytes([number]) * 32 for number in range(0x71, 0x74))
_QUARTER_MS = 900_000
_WORKED = Event(
    "work", START_MS, effort_quantity=Measure((15, -1), "hour"), provider=_MEMBER, receiver=_METER
)
_METERED = metering.Meter("consume", 3, _QUARTER_MS, "house 7", "kilowattHour")
_READ = metering.Reading(_METER, ((START_MS, 125), (START_MS + _QUARTER_MS, 0)))


def documents() -> dict[str, Document]:
    return {
        "event.import": _import(),
        "meter.install": _of_form(
            metering.INSTALL,
            "meter.install",
            "Meters.",
            metering.INSTALL.encode(_METERED),
            {
                "read by another": {"reader": _MEMBER},
                "for a commons": {"in_scope_of": "solar roof"},
                "for all": {"action": "produce", "receiver": _METER},
            },
            {
                "an action that no meter counts": {"action": "transfer"},
                "ten decimals": {"decimals": 10},
                "readings without an interval": {"every_ms": 0},
            },
            {"what is used, for somebody": ({"receiver": _METER}, "meter.bad_receiver")},
        ),
        "meter.read": _reading(),
        "meter.close": _of_form(
            metering.CLOSE,
            "meter.close",
            "Meters that are read no more.",
            metering.CLOSE.encode(metering.Close(_METER)),
            {},
            {"a short id": {"meter": b"x"}},
        ),
    }


def _of_form(
    form: Form[Any],
    name: str,
    about: str,
    payload: bytes,
    accepted: dict[str, dict[str, Any]],
    refused: dict[str, dict[str, Any]],
    by_rule: dict[str, tuple[dict[str, Any], str]] | None = None,
) -> Document:
    file = VectorFile(name, about)
    value = codec.decode(payload)
    file.accept("plain", payload)
    for case, changes in accepted.items():
        file.accept(case, codec.encode({**value, **changes}))
    for field in sorted(form.required):
        left = {other: item for other, item in value.items() if other != field}
        file.reject(f"without {field}", codec.encode(left), f"{form.prefix}.bad_field")
    for case, changes in refused.items():
        file.reject(case, codec.encode({**value, **changes}), f"{form.prefix}.bad_field")
    for case, (changes, rule) in (by_rule or {}).items():
        file.reject(case, codec.encode({**value, **changes}), rule)
    return file.document()


def _import() -> Document:
    file = VectorFile("event.import", "Events of sheets and other programs, with the keys of their rows.")
    payload = importing.encode(importing.Import(_WORKED, _KEY))
    value = codec.decode(payload)
    file.accept("worked", payload)
    for name in ("event", "key"):
        left = {other: item for other, item in value.items() if other != name}
        file.reject(f"without {name}", codec.encode(left), "import.bad_field")
    file.reject("a short key", codec.encode({**value, "key": b"7"}), "import.bad_field")
    file.reject(
        "an event in bytes", codec.encode({**value, "event": event.encode(_WORKED)}), "event.bad_field"
    )
    for side in ("provider", "receiver"):
        left = {name: item for name, item in value["event"].items() if name != side}
        file.reject(f"no {side}", codec.encode({**value, "event": left}), "import.bad_field")
    nothing = {**value["event"], "effort_quantity": [[0, 0], "hour"]}
    file.reject("no effort", codec.encode({**value, "event": nothing}), "event.bad_quantity")
    return file.document()


def _reading() -> Document:
    file = VectorFile("meter.read", "Readings of meters.")
    payload = metering.encode_reading(_READ)
    value = codec.decode(payload)
    file.accept("half an hour", payload)
    file.accept("after a gap", codec.encode({**value, "after_gap": True}))
    file.accept("a flow below zero, which is void by itself", codec.encode({**value, "readings": [[1, -1]]}))
    for name, changes in {
        "no readings": {"readings": []},
        "501 readings": {"readings": [[number, 0] for number in range(501)]},
        "a reading without a time": {"readings": [[7]]},
        "a time as text": {"readings": [["2026", 7]]},
        "a flow as bool": {"readings": [[7, True]]},
        "a time before 1970": {"readings": [[-1, 7]]},
        "a flow beyond 53 bits": {"readings": [[7, 2**53]]},
        "no gap, said aloud": {"after_gap": False},
        "a short id": {"meter": b"x"},
    }.items():
        file.reject(name, codec.encode({**value, **changes}), "reading.bad_field")
    return file.document()
