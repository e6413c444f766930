"""C1: how large a certificate is, and how long verifying it takes, for 5, 21 and 200 voters.

The baselines are the bare numbers: 64 bytes a signature, a bit a voter and 40 bytes for the rest; and a loop
over libsodium's verification. A proof is measured as a whole: founding, one change of voters, the last block,
an entry's outcome and a row.
"""

import time
from collections.abc import Callable

from nacl.bindings import crypto_sign_open

from p2pnode.consensus.certificate import check_certificate
from p2pnode.consensus.format import Vote, vote_message
from p2pnode.consensus.proof import encode_proof
from p2pnode.core import codec
from p2pnode.proving import verify_proof
from tests.bench.figures import Figure, Options, figure
from tests.vectors.cases import decided_group
from tests.vectors.cases.decided import GROUP, header_of, voters

_COUNTS = (5, 21, 200)
_SIGNATURES = 2000
"""Verified in each run, so that a small certificate is measured as long as a large one."""


def measure(options: Options) -> list[Figure]:
    found = []
    for count in _COUNTS:
        found += _certificate(count, options)
    data = encode_proof(decided_group.FULL)
    found.append(figure("c1.proof.bytes", "bytes, 4 founders, one change", [len(data)]))
    verifying = [_us(lambda: verify_proof(data), options.scaled(100)) for _ in range(options.runs)]
    found.append(figure("c1.proof.us", "CPU us, the same", verifying))
    return found


def _certificate(count: int, options: Options) -> list[Figure]:
    some = voters(count)
    header = header_of(some.configuration)
    certificate = some.certificate(header)
    quorum = some.quorum
    size = len(codec.encode(certificate.value))
    vote = Vote(header.height, 0, 0, "F", header.id, b"")
    message = vote_message(GROUP, 0, vote)
    pairs = [
        (signature + message, some.configuration.voters[signer][1])
        for signer, signature in zip(certificate.signers, certificate.signatures, strict=True)
    ]

    def bare() -> None:
        for signed, key in pairs:
            crypto_sign_open(signed, key)

    def whole() -> None:
        check_certificate(certificate, some.configuration, GROUP, 0, header.id)

    times = max(1, options.scaled(_SIGNATURES) // quorum)
    pairs_us = [(_us(whole, times), _us(bare, times)) for _ in range(options.runs)]
    whole_us, bare_us = [pair[0] for pair in pairs_us], [pair[1] for pair in pairs_us]
    return [
        figure(
            f"c1.certificate.{count}", f"bytes, {quorum} signatures", [size], [64 * quorum + count // 8 + 40]
        ),
        figure(f"c1.verify.{count}", "CPU us", whole_us, bare_us),
        figure(f"c1.verify.{count}.each", "CPU us a signature", [value / quorum for value in whole_us]),
    ]


def _us(work: Callable[[], object], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times * 1e6
