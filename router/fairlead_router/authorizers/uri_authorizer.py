"""What the ready-made authorizers have in common: they judge URIs and know no objects."""

from typing import TYPE_CHECKING
from weakref import WeakSet

from fairlead_router.authorization import Action, Level, Principal

if TYPE_CHECKING:
    from fairlead_router.realm import Realm


class UriAuthorizer:
    """The part of an Authorizer that is not the judgement, and the realms that it judges for."""

    def __init__(self) -> None:
        self._realms: WeakSet[Realm] = WeakSet()  # one that was made on demand goes again

    def attach(self, realm: "Realm") -> None:
        """Tell this realm when rights change."""
        self._realms.add(realm)

    def changed(self, authid: str | None = None) -> None:
        """Judgements are different from now on, those of one authid or all.

        Everything live is judged again in this turn; who lost a right loses what rests on it, nobody else notices.
        """
        for realm in list(self._realms):
            realm.gate.grant()
            if authid is None:
                realm.gate.revoke_all()
            else:
                realm.gate.revoke(principals=[authid])

    def object_of(self, action: Action, uri: str) -> str | None:
        """No URI is tied to an object."""
        return None

    def can(self, principal: Principal, level: Level, object_id: str) -> bool:
        """No level on any object: the judgements are about URIs."""
        return False
