"""Payload passthru mode: the attributes, and who may use them."""

from __future__ import annotations

import pytest

from fairlead_router.errors import FeatureNotSupported, ProtocolViolation
from fairlead_router.messages import CallOptions, PassthruAttributes, Role, RoleFeatures, Roles
from fairlead_router.passthru import passed_on, require_taker
from fairlead_router.session import Features, Session
from support.core import Core


def session_with(roles: Roles) -> Session:
    core = Core()
    session = core.realm1.session(core.join().session_id)
    assert session is not None
    session.features = Features(roles)
    return session


ANNOUNCED = Role(RoleFeatures(payload_passthru_mode=True))


def test_attributes_are_passed_on_as_they_are() -> None:
    options = CallOptions(ppt_scheme="x_mine", ppt_cipher="", ppt_keyid="4711")
    caller = session_with(Roles(caller=ANNOUNCED))
    assert passed_on(options, caller, "caller") == {"ppt_scheme": "x_mine", "ppt_cipher": "", "ppt_keyid": "4711"}


@pytest.mark.parametrize("scheme", [None, ""])
def test_without_a_scheme_the_mode_is_not_in_use(scheme: str | None) -> None:
    options = PassthruAttributes(ppt_scheme=scheme, ppt_serializer="cbor")
    assert passed_on(options, session_with(Roles()), "caller") == {}


def test_announcement_counts_in_the_role_that_uses_it() -> None:
    session = session_with(Roles(callee=ANNOUNCED))
    with pytest.raises(ProtocolViolation, match="'mqtt' from a caller without"):
        passed_on(PassthruAttributes(ppt_scheme="mqtt"), session, "caller")
    require_taker(session, "callee")
    with pytest.raises(FeatureNotSupported, match="the caller did not announce"):
        require_taker(session, "caller")
