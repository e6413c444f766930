"""The rows with which a group begins: height 0, made of its founding entry alone (J1)."""

from __future__ import annotations

from p2pnode.consensus.rows import MemoryRows, State
from p2pnode.core.entry import Entry
from p2pnode.governance import tables
from p2pnode.governance.configuration import settle_epoch
from p2pnode.governance.dormancy import DAY_MS
from p2pnode.governance.founding import read_founding
from p2pnode.governance.tables import DeviceRow, MemberRow, SeenRow, VoterRow


def genesis_rows(founding: Entry) -> dict[bytes, bytes]:
    """The rows before the first block. Errors: FormatError founding.* when the entry founds no group."""
    terms = read_founding(founding)
    state = State(MemoryRows({}))
    time_ms = founding.header.time_ms
    tables.write(state, tables.CHARTER_KEY, dict(terms.charter.value))
    tables.write(state, tables.RULE_VERSION_KEY, terms.rule_version)
    tables.put_lying_voters(state, terms.fault_rule)
    tables.write(state, tables.DAYS_KEY, [0, time_ms // DAY_MS])
    tables.put_roll(state, len(terms.inceptions), len(terms.inceptions))
    for number, inception in enumerate(terms.inceptions):
        key, member_id = inception.device_key, inception.member_id
        commitment = inception.recovery_commitment
        row = MemberRow(number, "member", (key,), inception.value, commitment, None, founding.id, 0)
        tables.put_member(state, member_id, row)
        tables.put_device(state, key, DeviceRow(member_id, "active"))
        if key in terms.voters:
            tables.put_voter(state, member_id, VoterRow(key))
            tables.put_seen(state, member_id, SeenRow(0, time_ms, 0))
    settle_epoch(state)
    return {key: value for key, value in state.changes().items() if value is not None}
