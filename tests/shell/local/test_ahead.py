"""While one request is answered, the caller reads on; answers and errors come in the order of requests."""

import threading

import pytest

from p2pnode.commands.ahead import Ahead
from p2pnode.core.errors import UsageError


def test_the_caller_goes_on_while_a_request_is_answered() -> None:
    may_answer = threading.Event()
    taken: list[int] = []

    def slow() -> int:
        assert may_answer.wait(60)
        return 1

    with Ahead() as ahead:
        ahead.ask(slow, taken.append)
        assert taken == []
        may_answer.set()
        ahead.ask(lambda: 2, taken.append)
        assert taken == [1], "one at a time"
    assert taken == [1, 2]


def test_what_a_request_ends_with_is_raised_in_the_callers_thread() -> None:
    def refused() -> int:
        raise UsageError("some.rule", "no", "do that")

    asked: list[int] = []
    with pytest.raises(UsageError, match="no"), Ahead() as ahead:
        ahead.ask(refused, asked.append)
        ahead.ask(lambda: asked.append(1), print)
    assert asked == [], "nothing is asked behind an error"
    with pytest.raises(UsageError, match="no"), Ahead() as ahead:
        ahead.ask(refused, asked.append)
