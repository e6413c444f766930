"""Vectors of execution: blocks over the rows of a founding; outcomes, changed rows and configurations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p2pnode.consensus.execution import Seal
from p2pnode.consensus.rows import State
from p2pnode.core.entry import Entry
from p2pnode.core.ids import DeviceKey
from p2pnode.governance import devices, leaving, sponsoring, tables, voters
from tests.unit.governance.chain import Chain, id_of, key
from tests.vectors.cases.material import ALICE, BOB, CAROL, EVE, entry_bytes
from tests.vectors.cases.vector_file import Document


class _Recorder:
    """The blocks of one case while they are executed."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.genesis = [[name.hex(), value.hex()] for name, value in State(chain.rows).scan(b"")]
        self.blocks: list[Document] = []

    def block(
        self, *entries: Entry, hours: int = 1, seals: Sequence[Seal] = (), rules: Sequence[str]
    ) -> None:
        """Execute a block that everybody who votes has signed the parent of."""
        chain = self.chain
        before = dict(State(chain.rows).scan(b""))
        head: Document = {
            "height": chain.height + 1,
            "time_ms": chain.time_ms + hours * 3_600_000,
            "previous": chain.previous.hex(),
            "signers": [member_id.hex() for member_id in sorted(chain.voter_ids)],
            "seals": [[seal.key.hex(), seal.lane, seal.keep_seq] for seal in seals],
            "entries": [entry_bytes(entry).hex() for entry in entries],
        }
        found = chain.run(*entries, hours=hours, seals=seals)
        assert found == list(rules), found
        after = dict(State(chain.rows).scan(b""))
        changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        self.blocks.append(
            {
                **head,
                "outcomes": [
                    {"entry": entry.id.hex(), "rule": rule or None}
                    for entry, rule in zip(entries, found, strict=True)
                ],
                "rows": [[name.hex(), after[name].hex() if name in after else None] for name in changed],
                "configuration": chain.configuration.hash.hex(),
            }
        )


def documents() -> dict[str, Document]:
    cases = [
        _case(name, make) for name, make in (("people", _people), ("keys", _keys), ("sponsors", _sponsors))
    ]
    about = "Blocks over the rows of a founding. Rows are [key, value or nil], ascending; entries move lanes."
    return {"execution": {"about": about, "cases": cases}}


def _case(name: str, make: Callable[[], _Recorder]) -> Document:
    recorder = make()
    founding = entry_bytes(recorder.chain.founding).hex()
    return {"name": name, "founding": founding, "genesis": recorder.genesis, "blocks": recorder.blocks}


def _people() -> _Recorder:
    """A newcomer joins, votes, and the founder leaves."""
    recorder = _Recorder(Chain(ALICE))
    chain = recorder.chain
    recorder.block(chain.join(BOB, ALICE), chain.entry(EVE, "ack", b""), rules=["", "author.no_member"])
    recorder.block(chain.ready(BOB), chain.entry(ALICE, "not.known.yet", b""), rules=["", "type.unknown"])
    leave = chain.entry(ALICE, leaving.LEAVE_TYPE, leaving.encode(leaving.Leave()))
    recorder.block(leave, rules=[""])
    recorder.block(chain.entry(BOB, voters.AWAY_TYPE, voters.encode_leave()), rules=[""])
    return recorder


def _keys() -> _Recorder:
    """A second device, the vote handed on, a key used twice."""
    recorder = _Recorder(Chain(ALICE, BOB, CAROL, EVE))
    chain, phone = recorder.chain, key(50)
    signature = devices.sign_device(phone, chain.group, id_of(ALICE))
    add = devices.encode_add(devices.Add(DeviceKey(phone.public), signature))
    recorder.block(chain.entry(ALICE, devices.DEVICE_ADD_TYPE, add), rules=[""])
    rotate = devices.encode_rotate(phone.public)
    recorder.block(chain.entry(ALICE, devices.KEY_ROTATE_TYPE, rotate), rules=[""])
    revoke = devices.encode_revoke(devices.Revoke(DeviceKey(ALICE.public), ((0, 9),)))
    recorder.block(chain.entry(phone, devices.DEVICE_REVOKE_TYPE, revoke), rules=[""])
    recorder.block(hours=24 * 8, seals=[Seal(BOB.public, 1, 3)], rules=[])
    recorder.block(chain.entry(BOB, "ack", b""), rules=["lane.fork"])
    return recorder


def _sponsors() -> _Recorder:
    """A newcomer waits for two sponsors."""
    recorder = _Recorder(Chain(ALICE, BOB, admission="sponsors"))
    chain = recorder.chain
    join = chain.join(CAROL, ALICE)
    recorder.block(join, rules=["join.needs_sponsors"])
    words = [chain.entry(one, sponsoring.SPONSOR_TYPE, sponsoring.encode(join.id)) for one in (ALICE, BOB)]
    recorder.block(*words, rules=["", ""])
    assert tables.roll(chain.rows) == (3, 3)
    return recorder
