"""A certificate verifies exactly when a quorum of distinct voters signed these very words."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.consensus.certificate import assemble, check_certificate
from p2pnode.consensus.format import Certificate
from p2pnode.core.errors import FormatError
from tests.vectors.cases.decided import GROUP, Voters, header_of, voters

_VOTERS = {count: voters(count) for count in range(1, 9)}
_KINDS = st.sampled_from(["N", "S", "F"])


def _passes(certificate: Certificate, some: Voters, header_id: bytes) -> bool:
    try:
        check_certificate(certificate, some.configuration, GROUP, 0, header_id)
    except FormatError:
        return False
    return True


@settings(max_examples=60)
@given(st.integers(1, 8), st.data())
def test_a_certificate_is_a_quorum_of_distinct_voters(count: int, data: st.DataObject) -> None:
    some = _VOTERS[count]
    header = header_of(some.configuration)
    cast = data.draw(
        st.lists(
            st.tuples(st.integers(0, count - 1), _KINDS, st.integers(0, 1), st.integers(0, 1)), max_size=20
        )
    )
    votes = [
        vote
        for signer, kind, view, attempt in cast
        for vote in some.votes(header, signer, kind=kind, view=view, attempt=attempt)
    ]
    finals = {signer for signer, kind, view, attempt in cast if (kind, view, attempt) == ("F", 0, 0)}
    certificate = assemble(some.configuration, votes, "F", 0, 0, header.id)
    assert (certificate is not None) == (len(finals) >= some.quorum)
    if certificate is not None:
        assert set(certificate.signers) == finals
        assert _passes(certificate, some, header.id)


@settings(max_examples=100)
@given(st.integers(2, 8), st.data())
def test_any_change_of_a_certificate_spoils_it(count: int, data: st.DataObject) -> None:
    some = _VOTERS[count]
    header = header_of(some.configuration)
    good = some.certificate(header)
    number = data.draw(st.integers(0, 3))
    subject = data.draw(
        st.sampled_from(["height", "attempt", "view", "kind", "block", "signers", "signatures"])
    )
    match subject:
        case "height" | "attempt" | "view":
            changed = replace(good, **{subject: number})
        case "kind":
            changed = replace(good, kind=data.draw(_KINDS))
        case "block":
            changed = replace(good, block=data.draw(st.binary(min_size=32, max_size=32)))
        case "signers":
            signers = data.draw(
                st.lists(st.integers(0, count), min_size=len(good.signers), max_size=len(good.signers))
            )
            changed = replace(good, signers=tuple(signers))
        case _:
            place = data.draw(st.integers(0, len(good.signatures) - 1))
            bit = data.draw(st.integers(0, 511))
            flipped = bytearray(good.signatures[place])
            flipped[bit // 8] ^= 1 << bit % 8
            signatures = (*good.signatures[:place], bytes(flipped), *good.signatures[place + 1 :])
            changed = replace(good, signatures=signatures)
    assert _passes(changed, some, header.id) == (changed == good)
