"""Payload passthru mode: payloads that the peers agreed on among themselves (spec: Payload Passthru Mode).

The attributes `ppt_scheme`, `ppt_serializer`, `ppt_cipher` and `ppt_keyid` go from options to details as they
are. A scheme says that the mode is in use; without one the other attributes mean nothing. The payload itself
is carried like any other: one binary value, which each serializer has in its own form.
"""

from typing import TYPE_CHECKING, Literal

from fairlead_router.errors import FeatureNotSupported, ProtocolViolation
from fairlead_router.messages import PassthruAttributes

if TYPE_CHECKING:
    from fairlead_router.session import Session

Role = Literal["publisher", "subscriber", "caller", "callee"]


def passed_on(options: PassthruAttributes, sender: "Session", role: Role) -> dict[str, str]:
    """The attributes for the details of what goes to the receiver, empty without a scheme.

    Raises ProtocolViolation if the sender uses the mode and did not announce it in this role.
    """
    if not options.ppt_scheme:
        return {}
    if role not in sender.features.passthru_roles:
        raise ProtocolViolation(f"ppt_scheme={options.ppt_scheme!r} from a {role} without payload_passthru_mode")
    return {name: value for name in _NAMES if (value := getattr(options, name)) is not None}


def require_taker(receiver: "Session", role: Role) -> None:
    """Raise FeatureNotSupported unless the receiver announced the mode in this role."""
    if role not in receiver.features.passthru_roles:
        raise FeatureNotSupported(f"the {role} did not announce payload_passthru_mode")


_NAMES = PassthruAttributes.__struct_fields__
