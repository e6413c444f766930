"""The types of entry by which a group decides, with what each does."""

from __future__ import annotations

from collections.abc import Callable

from p2pnode.core.entry_type import EntryType, Execute
from p2pnode.core.ids import Lane
from p2pnode.governance import ballot, casting, deciding, mandate, proposal
from p2pnode.governance.ballot import CAST_TYPE, CODES_TYPE, CONFIRM_TYPE, DELEGATE_TYPE
from p2pnode.governance.mandate import SIGN_TYPE
from p2pnode.governance.proposal import ANSWER_TYPE, OPEN_TYPE, WITHDRAW_TYPE

_LOCAL = frozenset({Lane.LOCAL.value})
_Decode = Callable[[bytes], object]

PATIENT_TYPES = frozenset({ANSWER_TYPE, CAST_TYPE, CODES_TYPE, CONFIRM_TYPE, DELEGATE_TYPE})
"""Types that have to be in the block that closes a vote, and need no earlier one (C 6.1)."""


def _governed(name: str, decode: _Decode, execute: Execute) -> EntryType:
    return EntryType(name, _LOCAL, decode, governed=True, execute=execute)


DECIDING_TYPES: tuple[EntryType, ...] = (
    _governed(OPEN_TYPE, proposal.decode_open, proposal.execute_open),
    _governed(WITHDRAW_TYPE, proposal.decode_withdraw, deciding.execute_withdraw),
    _governed(ANSWER_TYPE, proposal.decode_answer, proposal.execute_answer),
    _governed(CAST_TYPE, ballot.decode_cast, casting.execute_cast),
    _governed(DELEGATE_TYPE, ballot.decode_delegate, casting.execute_delegate),
    _governed(CODES_TYPE, ballot.decode_codes, casting.execute_codes),
    _governed(CONFIRM_TYPE, ballot.decode_confirm, casting.execute_confirm),
    _governed(SIGN_TYPE, mandate.decode_sign, mandate.execute_sign),
)
