"""What an Authz holds in memory, for the parts that read and change it."""

from fairlead_authz.clock import Clock
from fairlead_authz.model.closures import Closures
from fairlead_authz.model.explain import Explainer
from fairlead_authz.model.rights import Policy, Rights
from fairlead_authz.model.who import Who
from fairlead_authz.store.queries import Loaded
from fairlead_authz.store.store import PermissionStore
from fairlead_authz.tokens.tokens import Tokens


class State:
    """The permissions of one realm: as loaded, then as the funnel changes them."""

    def __init__(self, store: PermissionStore, loaded: Loaded, policy: Policy) -> None:
        self.store = store
        self.clock = Clock()
        self.policy = policy._replace(now_us=self.clock.now_us)
        self.graph = loaded.graph
        self.revision = loaded.revision
        self.loaded_us = 0 if loaded.position is None else loaded.position.at_us
        """When the newest change was made that was there at the start."""
        self.tokens = Tokens(loaded.tokens, self.graph, self.clock.now_us)
        self.closures = Closures(self.graph)
        self.rights = Rights(self.graph, self.closures, self.policy)
        self.explainer = Explainer(self.graph, self.closures, self.rights)
        self.who = Who(self.graph, self.rights)

    def set_policy(self, policy: Policy) -> None:
        """Rights depend on this from now on."""
        self.policy = policy
        self.rights.policy = policy
