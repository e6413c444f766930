"""The founding entry: the terms that all founders sign, and the group's id with it (J1).

The payload holds everything a voter or a newcomer needs before the first block: rule version, charter,
founders' inceptions, voters, the number of lying voters to survive, and the signatures of all founders over
the hash of these terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, SIGNATURE_BYTES, ZERO_HASH, SigningKey, is_signed, tagged_hash
from p2pnode.core.entry import FOUNDING_TYPE, VERSION, Entry, Header, payload_fields, sign_entry
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.ids import DeviceKey, Lane
from p2pnode.core.limits import FOUNDERS_MAX, PAYLOAD_BYTES_MAX
from p2pnode.governance.charter import AUTO, Charter, charter_of_value
from p2pnode.governance.inception import Inception, inception_of_value

RULE_VERSION = 1
NONCE_BYTES = 32
_TERMS_TAG = b"p2pnode/founding\0"
_FIELDS = ("charter", "fault_rule", "founders", "nonce", "rules", "signatures", "voters")


@dataclass(frozen=True, slots=True)
class Founding:
    """What the founders agreed on.

    Shapes: inceptions and signatures in ascending order of the founders' device keys; voters ascending, each
    a founder's device key; fault_rule is the number of lying voters survived from the start; succeeds names
    an older group and its last final block (zeros when it had none).
    """

    rule_version: int
    charter: Charter
    nonce: bytes
    inceptions: tuple[Inception, ...]
    voters: tuple[DeviceKey, ...]
    fault_rule: int
    signatures: tuple[bytes, ...] = ()
    succeeds: tuple[bytes, bytes] | None = None

    @property
    def terms(self) -> dict[str, Value]:
        """Everything but the signatures."""
        terms: dict[str, Value] = {
            "charter": dict(self.charter.value),
            "fault_rule": self.fault_rule,
            "founders": [inception.value for inception in self.inceptions],
            "nonce": self.nonce,
            "rules": self.rule_version,
            "voters": list(self.voters),
        }
        if self.succeeds is not None:
            terms["succeeds"] = list(self.succeeds)
        return terms

    @property
    def terms_hash(self) -> bytes:
        """What the founders sign, behind a domain tag."""
        return tagged_hash("founding-terms", codec.encode(self.terms))


def lying_voters_of(rule: int | str, voters: int) -> int:
    """The number of lying voters that a charter's rule means for so many voters (J19)."""
    return (voters - 1) // 3 if isinstance(rule, str) else rule


def propose(
    charter: Charter,
    nonce: bytes,
    inceptions: Sequence[Inception],
    succeeds: tuple[bytes, bytes] | None = None,
) -> Founding:
    """Unsigned terms in which every founder votes. Errors: FormatError founding.*."""
    ordered = tuple(sorted(inceptions, key=lambda inception: inception.device_key))
    voters = tuple(inception.device_key for inception in ordered)
    fault_rule = lying_voters_of(charter.lying_voters, len(voters))
    founding = Founding(RULE_VERSION, charter, nonce, ordered, voters, fault_rule, (), succeeds)
    _check_terms(founding)
    return founding


def sign_terms(key: SigningKey, founding: Founding) -> bytes:
    """One founder's signature under the terms."""
    return key.sign(_TERMS_TAG + founding.terms_hash)


def found(founding: Founding, signatures: Sequence[bytes]) -> bytes:
    """The payload of a founding entry.

    Shapes: signatures in the order of the founders. Errors: FormatError founding.*.
    """
    signed = replace(founding, signatures=tuple(signatures))
    payload = codec.encode({**signed.terms, "signatures": list(signed.signatures)})
    decode(payload)
    return payload


def founding_entry(key: SigningKey, payload: bytes, time_ms: int) -> Entry:
    """The signed founding entry around a payload; its id is the group's id."""
    header = Header(
        VERSION,
        ZERO_HASH,
        key.public,
        Lane.LOCAL.value,
        0,
        ZERO_HASH,
        0,
        time_ms,
        (),
        FOUNDING_TYPE,
        *payload_fields(payload),
    )
    return sign_entry(key, header, payload)


def decode(payload: bytes) -> Founding:
    """The founding in a payload, with all co-signatures verified.

    Errors: FormatError founding.unknown_rules, founding.bad_field, founding.bad_founders,
    founding.bad_voters, founding.bad_fault_rule, founding.bad_signature, charter.*, inception.*, codec.*.
    """
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    if type(value) is dict and type(value.get("rules")) is int and value["rules"] > RULE_VERSION:
        raise FormatError("founding.unknown_rules", "founded under later rules: update this program")
    fields = Fields(value, "founding", _FIELDS, ("succeeds",))
    founders = fields.items("founders", FOUNDERS_MAX, least=1)
    founding = Founding(
        fields.uint("rules", RULE_VERSION, least=1),
        charter_of_value(fields.value("charter")),
        fields.data("nonce", NONCE_BYTES),
        tuple(inception_of_value(founder) for founder in founders),
        _byte_strings(fields, "voters", HASH_BYTES),
        fields.uint("fault_rule", FOUNDERS_MAX),
        _byte_strings(fields, "signatures", SIGNATURE_BYTES),
        _succeeds(fields),
    )
    _check_terms(founding)
    if len(founding.signatures) != len(founding.inceptions):
        raise FormatError("founding.bad_signature", "one signature of each founder")
    message = _TERMS_TAG + founding.terms_hash
    for inception, signature in zip(founding.inceptions, founding.signatures, strict=True):
        if not is_signed(inception.device_key, message, signature):
            raise FormatError("founding.bad_signature", "a founder's signature does not verify")
    return founding


def read_founding(entry: Entry) -> Founding:
    """The founding in a founding entry, which one of the founders must have written.

    Errors: FormatError founding.not_founding, founding.no_payload, founding.bad_author, and those of
    `decode`.
    """
    if entry.header.type != FOUNDING_TYPE:
        raise FormatError("founding.not_founding", "an entry of another type")
    if entry.payload is None:
        raise FormatError("founding.no_payload", "a founding entry is useless without its payload")
    founding = decode(entry.payload)
    if all(inception.device_key != entry.author for inception in founding.inceptions):
        raise FormatError("founding.bad_author", "written by no founder")
    return founding


def _byte_strings(fields: Fields, name: str, size: int) -> tuple[DeviceKey, ...]:
    items = fields.items(name, FOUNDERS_MAX)
    if any(type(item) is not bytes or len(item) != size for item in items):
        raise fields.refuse(name, f"not a list of {size} bytes each")
    return tuple(items)


def _succeeds(fields: Fields) -> tuple[bytes, bytes] | None:
    if not fields.has("succeeds"):
        return None
    items = fields.items("succeeds", 2, least=2)
    if any(type(item) is not bytes or len(item) != HASH_BYTES for item in items):
        raise fields.refuse("succeeds", "not a group id and a block id")
    return (items[0], items[1])


def _check_terms(founding: Founding) -> None:
    """Check what the terms say together.

    Errors: FormatError founding.bad_founders, bad_voters, bad_fault_rule.
    """
    founders = [inception.device_key for inception in founding.inceptions]
    if not 1 <= len(founders) <= FOUNDERS_MAX or not _strictly_ascending(founders):
        raise FormatError(
            "founding.bad_founders", f"1 to {FOUNDERS_MAX}, in ascending order of distinct device keys"
        )
    voters = founding.voters
    if not voters or not _strictly_ascending(voters) or any(voter not in founders for voter in voters):
        raise FormatError("founding.bad_voters", "some founders' device keys, in ascending order")
    liars = founding.fault_rule
    rule = founding.charter.lying_voters
    if liars != lying_voters_of(rule, len(voters)) or liars > len(voters) - 1:
        meaning = "floor((n - 1) / 3)" if rule == AUTO else "the charter's lying_voters"
        raise FormatError("founding.bad_fault_rule", f"{meaning}, and less than the {len(voters)} voters")


def _strictly_ascending(keys: Sequence[bytes]) -> bool:
    return all(left < right for left, right in pairwise(keys))
