"""What the router announces in WELCOME: exactly what works, feature by feature (spec: Advanced Profile, Features)."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairlead_router.authorization import Principal
    from fairlead_router.realm import Realm

ROUTER_ROLES: dict[str, Any] = {
    "broker": {
        "features": {
            "publisher_exclusion": True,
            "publisher_identification": True,
            "publication_trustlevels": True,
            "subscriber_blackwhite_listing": True,
            "pattern_based_subscription": True,
            "subscription_revocation": True,
            "event_retention": True,
            "event_history": True,
            "payload_passthru_mode": True,
            "session_meta_api": True,
            "subscription_meta_api": True,
            "topic_reflection": True,
        },
        "reflection": True,
    },
    "dealer": {
        "features": {
            "testament_meta_api": True,
            "caller_identification": True,
            "call_trustlevels": True,
            "pattern_based_registration": True,
            "shared_registration": True,
            "progressive_call_results": True,
            "progressive_call_invocations": True,
            "call_canceling": True,
            "call_timeout": True,
            "call_reroute": True,
            "payload_passthru_mode": True,
            "registration_revocation": True,
            "session_meta_api": True,
            "registration_meta_api": True,
            "procedure_reflection": True,
        },
        "reflection": True,
    },
}
"""Each feature is named here in the commit that makes it work.

The spec has `reflection` beside the features, and names topic and procedure reflection in its table of features.
"""


def welcome_details(realm: "Realm", principal: "Principal", agent: str) -> dict[str, Any]:
    """The details of WELCOME."""
    details = {} if principal.authextra is None else {"authextra": principal.authextra}
    return details | {
        "realm": realm.name,
        "authid": principal.authid,
        "authrole": principal.authrole,
        "authmethod": principal.authmethod,
        "authprovider": principal.authprovider,
        "roles": ROUTER_ROLES,
        "agent": agent,
        "_fairlead": {
            "max_message": realm.limits.message_bytes,
            "revocation": realm.options.revocation_signal.value,
        },
    }
