"""State rows: layers, prefixes, order."""

import pytest

from p2pnode.consensus.rows import KEY_BYTES_MAX, VALUE_BYTES_MAX, MemoryRows, State, row_key


def test_keys_of_two_tables_never_meet() -> None:
    assert row_key("member", b"\x01" * 32) == b"member\0" + b"\x01" * 32
    assert not row_key("member").startswith(row_key("memb"))
    assert row_key("cut", b"k", b"\x02") == b"cut\0k\x02"


@pytest.mark.parametrize("table", ["", "Member", "a\0b", "über", "a b"])
def test_a_table_has_a_plain_name(table: str) -> None:
    with pytest.raises(ValueError, match="no name of a table"):
        row_key(table)


def test_a_layer_shows_its_changes_and_what_is_below() -> None:
    base = MemoryRows({b"a": b"1", b"b": b"2", b"c": b"3"})
    state = State(base)
    state.put(b"b", b"two")
    state.delete(b"c")
    state.put(b"d", b"4")
    assert [state.get(key) for key in (b"a", b"b", b"c", b"d", b"e")] == [b"1", b"two", None, b"4", None]
    assert list(state.scan(b"")) == [(b"a", b"1"), (b"b", b"two"), (b"d", b"4")]
    assert state.changes() == {b"b": b"two", b"c": None, b"d": b"4"}
    assert list(state.changes()) == [b"b", b"c", b"d"]
    assert list(base.scan(b"")) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]


def test_an_overlay_is_thrown_away_or_taken_over() -> None:
    state = State(MemoryRows({b"a": b"1"}))
    void, holds = state.overlay(), state.overlay()
    void.put(b"b", b"2")
    void.delete(b"a")
    holds.put(b"c", b"3")
    holds.delete(b"a")
    assert list(void.scan(b"")) == [(b"b", b"2")]
    assert list(state.scan(b"")) == [(b"a", b"1")]
    state.apply(holds.changes())
    assert state.changes() == {b"a": None, b"c": b"3"}
    assert list(state.overlay().scan(b"")) == [(b"c", b"3")]


def test_a_row_taken_away_and_set_again_is_there() -> None:
    state = State(MemoryRows({b"a": b"1"}))
    state.delete(b"a")
    state.put(b"a", b"2")
    assert list(state.scan(b"a")) == [(b"a", b"2")]


@pytest.mark.parametrize("prefix", [b"", b"t", b"t\xff", b"t\xff\xff", b"\xff", b"\xff\xff"])
def test_a_scan_finds_exactly_the_prefix(prefix: bytes) -> None:
    keys = [
        b"s",
        b"t",
        b"t\x00",
        b"t\xff",
        b"t\xff\x00",
        b"t\xff\xff",
        b"t\xff\xff\xff",
        b"u",
        b"\xff",
        b"\xff\xff\x01",
    ]
    rows = dict.fromkeys(keys, b"v")
    wanted = [(key, b"v") for key in sorted(keys) if key.startswith(prefix)]
    assert list(MemoryRows(rows).scan(prefix)) == wanted
    state = State(MemoryRows({}))
    for key in reversed(keys):
        state.put(key, b"v")
    assert list(state.scan(prefix)) == wanted


def test_a_scan_shows_the_rows_as_they_were_when_it_began() -> None:
    state = State(MemoryRows({b"a": b"1", b"b": b"2"}))
    state.put(b"c", b"3")
    seen = []
    for key, _ in state.scan(b""):
        state.delete(key)
        state.put(b"z" + key, b"new")
        seen.append(key)
    assert seen == [b"a", b"b", b"c"]
    assert [key for key, _ in state.scan(b"")] == [b"za", b"zb", b"zc"]


def test_a_row_has_bounds() -> None:
    state = State(MemoryRows({}))
    state.put(b"k" * KEY_BYTES_MAX, bytes(VALUE_BYTES_MAX))
    for key, value in ((b"", b""), (b"k" * (KEY_BYTES_MAX + 1), b""), (b"k", bytes(VALUE_BYTES_MAX + 1))):
        with pytest.raises(ValueError, match="a row of"):
            state.put(key, value)
    assert list(state.changes()) == [b"k" * KEY_BYTES_MAX]


def test_an_attempt_is_seen_while_it_lasts_and_then_kept_or_dropped() -> None:
    state = State(MemoryRows({b"a": b"1", b"b": b"2"}))
    state.put(b"c", b"3")
    for is_kept in (False, True):
        state.begin_attempt()
        state.delete(b"a")
        state.put(b"bb", b"4")
        state.put(b"c", b"5")
        assert state.get(b"a") is None
        assert list(state.scan(b"")) == [(b"b", b"2"), (b"bb", b"4"), (b"c", b"5")]
        assert list(state.scan(b"b")) == [(b"b", b"2"), (b"bb", b"4")]
        state.end_attempt(is_kept=is_kept)
        assert state.get(b"a") == (None if is_kept else b"1")
    assert state.changes() == {b"a": None, b"bb": b"4", b"c": b"5"}
    assert list(state.changes()) == [b"a", b"bb", b"c"]


def test_many_new_keys_come_into_order() -> None:
    state = State(MemoryRows({}))
    keys = [bytes([number * 37 % 251]) for number in range(251)]
    for number, key in enumerate(keys):
        state.put(key, b"")
        if number % 90 == 89:
            assert list(state.changes()) == sorted(keys[: number + 1])
    assert [key for key, _ in state.scan(b"")] == sorted(keys)
    assert state.changed(b"\x05") == [b"\x05"]


def test_the_same_changes_on_another_reader_go_their_own_way() -> None:
    one = State(MemoryRows({b"a": b"1"}))
    one.put(b"b", b"2")
    other = one.on(MemoryRows({b"a": b"1"}))
    other.put(b"c", b"3")
    assert list(other.scan(b"")) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]
    assert list(one.scan(b"")) == [(b"a", b"1"), (b"b", b"2")]
