"""The entry `epoch.key`: a private group's key of one epoch, boxed for each device that may read (J12).

Any holder of the key may write it; the first one ordered for a configuration wins. A box is libsodium's
sealed box to the X25519 form of the device key, with the ephemeral key given by the caller instead of drawn
inside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from nacl.bindings import (
    crypto_box,
    crypto_box_seal_open,
    crypto_box_seed_keypair,
    crypto_sign_ed25519_pk_to_curve25519,
    crypto_sign_ed25519_sk_to_curve25519,
)
from nacl.exceptions import CryptoError

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State, row_key
from p2pnode.core import codec
from p2pnode.core.crypto import KEY_BYTES, SigningKey, is_acceptable_key
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.ids import DeviceKey
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.governance import tables
from p2pnode.governance.configuration import name_in_force
from p2pnode.governance.sealed import OLD_EPOCH_BLOCKS, epoch_id

EPOCH_KEY_TYPE = "epoch.key"
BOXES_MAX = 500
"""A payload holds about 550 boxes; larger groups write several entries."""

_BOX_BYTES = KEY_BYTES + 16 + KEY_BYTES
_NONCE_BYTES = 24


@dataclass(frozen=True, slots=True)
class EpochKey:
    """Who gets the key.

    Shapes: configuration is the hash of the group's configuration; boxes ascending by device key.
    """

    configuration: bytes
    epoch: bytes
    boxes: tuple[tuple[DeviceKey, bytes], ...]


def box_for(key: bytes, device_key: bytes, ephemeral_seed: bytes) -> bytes:
    """An epoch key boxed for a device. Shapes: ephemeral_seed is 32 random bytes of its own for every box.

    Errors: FormatError epoch.bad_device when the device key has no X25519 form.
    """
    recipient = _agreement_key(device_key)
    public, secret = crypto_box_seed_keypair(ephemeral_seed)
    nonce = hashlib.blake2b(public + recipient, digest_size=_NONCE_BYTES).digest()
    return public + crypto_box(key, nonce, recipient, secret)


def open_box(device: SigningKey, epoch: bytes, box: bytes) -> bytes:
    """The epoch key in a device's box. Errors: FormatError epoch.bad_box, epoch.other_key."""
    secret = crypto_sign_ed25519_sk_to_curve25519(device.seed + device.public)
    try:
        key: bytes = crypto_box_seal_open(box, _agreement_key(device.public), secret)
    except (CryptoError, TypeError, ValueError) as error:
        raise FormatError("epoch.bad_box", "the box does not open with this device's key") from error
    if epoch_id(key) != epoch:
        raise FormatError("epoch.other_key", "the box holds another key than it says")
    return key


def encode(epoch_key: EpochKey) -> bytes:
    """The payload of an epoch key. Errors: FormatError epoch.*."""
    payload = codec.encode(
        {
            "boxes": [list(box) for box in epoch_key.boxes],
            "configuration": epoch_key.configuration,
            "epoch": epoch_key.epoch,
        }
    )
    decode(payload)
    return payload


def decode(payload: bytes) -> EpochKey:
    """The epoch key in a payload. Errors: FormatError epoch.bad_field, epoch.bad_boxes, codec.*."""
    fields = Fields(
        codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "epoch", ("boxes", "configuration", "epoch")
    )
    boxes = fields.items("boxes", BOXES_MAX, least=1)
    if not all(_is_box(box) for box in boxes) or not _ascending([box[0] for box in boxes]):
        raise FormatError("epoch.bad_boxes", "[device key, box] each, in ascending order of distinct keys")
    return EpochKey(
        fields.hash("configuration"),
        fields.hash("epoch"),
        tuple((DeviceKey(box[0]), box[1]) for box in boxes),
    )


def execute(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Let the first key that is ordered for the configuration in force begin a new epoch.

    Shapes: further boxes of the same epoch hold too, since one entry has room for some of the devices only.
    """
    epoch_key = decode(entry.payload or b"")
    if epoch_key.configuration != name_in_force(state):
        return "epoch.other_configuration"
    key = row_key("key_epoch", epoch_key.configuration)
    first = tables.read(state, key)
    if first is not None:
        return None if first == epoch_key.epoch else "epoch.not_first"
    if tables.read(state, row_key("sealed_until", epoch_key.epoch)) is not None:
        return "epoch.used_before"
    for other, until in list(tables.scan(state, "sealed_until")):
        if until == 0:
            tables.write(state, row_key("sealed_until", other), context.height + OLD_EPOCH_BLOCKS)
    tables.write(state, key, epoch_key.epoch)
    tables.write(state, row_key("sealed_until", epoch_key.epoch), 0)
    return None


def _agreement_key(device_key: bytes) -> bytes:
    try:
        key: bytes = crypto_sign_ed25519_pk_to_curve25519(device_key)
    except (CryptoError, TypeError, ValueError) as error:
        raise FormatError("epoch.bad_device", "the device key has no form for boxes") from error
    return key


def _is_box(value: codec.Value) -> bool:
    return (
        type(value) is list
        and len(value) == 2
        and type(value[0]) is bytes
        and is_acceptable_key(value[0])
        and type(value[1]) is bytes
        and len(value[1]) == _BOX_BYTES
    )


def _ascending(keys: Sequence[bytes]) -> bool:
    return all(left < right for left, right in pairwise(keys))
