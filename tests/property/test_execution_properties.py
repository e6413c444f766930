"""Whatever a block holds: void entries change nothing, order of arrival decides nothing, invariants stand."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.consensus.cut import Candidate, in_order
from p2pnode.consensus.execution import BlockContext, Seal
from p2pnode.consensus.rows import MemoryRows, State
from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import Entry
from p2pnode.core.ids import DeviceKey
from p2pnode.governance import devices, leaving, recovering, sponsoring, tables, voters, voting
from p2pnode.governance.inception import recovery_commitment_of
from p2pnode.governance.joining import PETITION_RULES
from p2pnode.vocabulary import execute_entry
from tests.unit.governance.chain import Chain, id_of, key
from tests.vectors.cases.material import COMMITMENT, RECOVERY

PEOPLE = [key(number) for number in range(6)]
PHONES = [key(100 + number) for number in range(6)]
_people = st.sampled_from(PEOPLE)
_numbers = st.integers(0, 5)


def _entry_of(chain: Chain, what: str, author: SigningKey, number: int, memory: list[bytes]) -> Entry:
    """An entry that may hold or not; memory holds ids that others refer to."""
    other, phone = PEOPLE[number], PHONES[number]
    latest = memory[number % len(memory)] if memory else bytes(32)
    plain = devices.Revoke(DeviceKey(phone.public), ((0, number),))
    makers: dict[str, Callable[[], Entry]] = {
        "join": lambda: chain.join(author, other),
        "leave": lambda: chain.entry(author, leaving.LEAVE_TYPE, leaving.encode(leaving.Leave(number % 2))),
        "ready": lambda: chain.ready(author),
        "rest": lambda: chain.entry(author, voters.AWAY_TYPE, voters.encode_leave()),
        "return": lambda: chain.entry(author, voters.RETURN_TYPE, voters.encode_return()),
        "sponsor": lambda: chain.entry(author, sponsoring.SPONSOR_TYPE, sponsoring.encode(latest)),
        "add": lambda: chain.entry(
            author,
            devices.DEVICE_ADD_TYPE,
            devices.encode_add(
                devices.Add(DeviceKey(phone.public), devices.sign_device(phone, chain.group, id_of(author)))
            ),
        ),
        "revoke": lambda: chain.entry(author, devices.DEVICE_REVOKE_TYPE, devices.encode_revoke(plain)),
        "object": lambda: chain.entry(author, devices.DEVICE_OBJECT_TYPE, devices.encode_object(latest)),
        "rotate": lambda: chain.entry(author, devices.KEY_ROTATE_TYPE, devices.encode_rotate(phone.public)),
        "recover": lambda: chain.entry(
            phone,
            recovering.RECOVER_TYPE,
            recovering.encode(
                recovering.recover_by(
                    RECOVERY, chain.group, id_of(other), phone.public, COMMITMENT, (0, chain.group)
                )
            ),
        ),
        "ack": lambda: chain.entry(phone if number % 2 else author, "ack", b""),
        "unknown": lambda: chain.entry(author, "not.known.yet", b""),
    }
    return makers[what]()


_KINDS = "join leave ready rest return sponsor add revoke object rotate recover ack unknown".split()
_steps = st.lists(st.tuples(st.sampled_from(_KINDS), _people, _numbers), max_size=6)
_decisions = st.lists(
    st.one_of(
        st.tuples(
            st.just("voting_role"),
            st.fixed_dictionaries({"give": st.booleans(), "member": _people.map(id_of)}),
        ),
        st.tuples(st.just("remove"), st.fixed_dictionaries({"member": _people.map(id_of)})),
        st.tuples(
            st.just("suspend"),
            st.fixed_dictionaries({"days": st.integers(1, 20), "member": _people.map(id_of)}),
        ),
        st.tuples(st.just("lying_voters"), st.fixed_dictionaries({"lying_voters": st.integers(0, 3)})),
        st.tuples(
            st.just("restore_key"),
            st.fixed_dictionaries(
                {
                    "device": st.sampled_from(PHONES).map(lambda phone: phone.public),
                    "member": _people.map(id_of),
                    "recovery": st.just(recovery_commitment_of(RECOVERY.public)),
                }
            ),
        ),
        st.tuples(
            st.just("council"),
            st.fixed_dictionaries(
                {"members": st.lists(_people.map(id_of), min_size=1, max_size=3), "until_ms": st.just(0)}
            ),
        ),
    ),
    max_size=2,
)
_seals = st.lists(
    st.builds(
        Seal, st.sampled_from([*PEOPLE, *PHONES]).map(lambda person: person.public), st.just(0), _numbers
    ),
    max_size=1,
)
_blocks = st.lists(st.tuples(_steps, _decisions, _seals, st.integers(0, 24 * 20)), max_size=7)


def _check(chain: Chain) -> None:
    """What has to hold of any rows."""
    rows = chain.rows
    members = dict(tables.members(rows))
    configuration = chain.configuration
    assert configuration.voters, "somebody can always decide"
    assert voting.may_survive(len(configuration.voters), configuration.lying_voters)
    assert configuration.quorum <= len(configuration.voters)
    keys = [voting_key for _, voting_key in configuration.voters]
    assert len(set(keys)) == len(keys)
    _, present = tables.roll(rows)
    assert present == sum(row.status == "member" for row in members.values())
    for member_id, voter in tables.voters(rows):
        device = tables.device(rows, voter.key)
        assert device is not None
        assert device.member == member_id
        if not voter.going:
            assert device.status == "active"
            assert tables.is_in_good_standing(rows, member_id)
    for key_, device in tables.devices(rows):
        if device.status == "active":
            assert key_ in members[device.member].devices
    for row in members.values():
        assert len(row.devices) <= 8
        assert row.status != "provisional", "final rows hold nobody who is provisional"
    away = {member_id for member_id, _ in tables.aways(rows)}
    assert not away & set(chain.voter_ids)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 4), st.sampled_from(["invitation", "sponsors"]), _blocks)
def test_invariants_stand_after_any_blocks(founders: int, admission: str, blocks: list[Any]) -> None:
    chain = Chain(*PEOPLE[:founders], admission=admission)
    memory: list[bytes] = []
    for steps, decisions, seals, hours in blocks:
        before = chain.configuration
        entries = [_entry_of(chain, what, author, number, memory) for what, author, number in steps]
        memory += [bytes(entry.id) for entry in entries]
        chain.run(*entries, decide=decisions, seals=seals, hours=hours)
        _check(chain)
        after = chain.configuration
        changed = (before.voters, before.lying_voters) != (after.voters, after.lying_voters)
        assert after.epoch == before.epoch + changed
        is_lowered = after.lying_voters < before.lying_voters
        may_lower = {"lying_voters", "remove"} & {subject for subject, _ in decisions}
        assert not is_lowered or may_lower or any(what == "leave" for what, _, _ in steps), "J19"


@settings(max_examples=30, deadline=None)
@given(_blocks)
def test_a_void_entry_changes_nothing(blocks: list[Any]) -> None:
    chain = Chain(*PEOPLE[:2])
    memory: list[bytes] = []
    for steps, decisions, seals, hours in blocks:
        entries = [_entry_of(chain, what, author, number, memory) for what, author, number in steps]
        memory += [bytes(entry.id) for entry in entries]
        context = BlockContext(chain.group, chain.height + 1, chain.time_ms, chain.previous)
        state = State(chain.rows)
        for entry in entries:
            overlay = state.overlay()
            rule = execute_entry(overlay, entry, context)
            if rule is not None and rule not in PETITION_RULES and rule != "type.unknown":
                assert overlay.changes() == {}
            state.apply(overlay.changes())
        chain.run(*entries, decide=decisions, seals=seals, hours=hours)


@settings(max_examples=30, deadline=None)
@given(_steps, st.randoms(use_true_random=False))
def test_the_order_of_arrival_decides_nothing(steps: list[Any], random: Any) -> None:
    chain = Chain(*PEOPLE[:3])
    entries = [_entry_of(chain, what, author, number, []) for what, author, number in steps]
    by_id = {bytes(entry.id): entry for entry in entries}
    results = []
    for _ in range(2):
        random.shuffle(entries)
        candidates = [
            Candidate(
                bytes(entry.id),
                bytes(entry.author),
                entry.header.lane,
                entry.header.seq,
                (entry.header.prev,) if entry.header.prev in by_id else (),
                entry.header.payload_bytes,
            )
            for entry in entries
        ]
        ordered = [by_id[candidate.id] for candidate in in_order(candidates, chain.previous)]
        results.append(chain.execution(ordered))
    assert results[0] == results[1]


@settings(max_examples=30, deadline=None)
@given(st.lists(_people, unique=True, max_size=4), st.integers(0, 4))
def test_a_split_that_does_not_matter_does_not_matter(readers: list[SigningKey], at: int) -> None:
    """Facts and changes of different people give the same members and keys in one block or in two."""
    ends = []
    for split in (0, at):
        chain = Chain(*PEOPLE)
        entries = [_entry_of(chain, "add", person, PEOPLE.index(person), []) for person in readers]
        chain.run(*entries[:split])
        chain.run(*entries[split:])
        ends.append(
            {
                name: list(tables.scan(chain.rows, name))
                for name in ("member", "device", "voter", "cut", "roll", "epoch")
            }
        )
    assert ends[0] == ends[1]


@settings(max_examples=30, deadline=None)
@given(_blocks)
def test_executing_leaves_the_rows_below_as_they_are(blocks: list[Any]) -> None:
    chain = Chain(*PEOPLE[:2])
    for steps, decisions, seals, hours in blocks:
        entries = [_entry_of(chain, what, author, number, []) for what, author, number in steps]
        before = dict(chain.rows.scan(b""))
        first = chain.execution(entries, seals=seals, hours=hours)
        assert dict(chain.rows.scan(b"")) == before
        copied = MemoryRows(before)
        chain.rows, kept = copied, chain.rows
        assert chain.execution(entries, seals=seals, hours=hours) == first
        chain.rows = kept
        chain.run(*entries, decide=decisions, seals=seals, hours=hours)
