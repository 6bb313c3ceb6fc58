"""Ready-made authorizers: static rules, a function of the program, a procedure in the realm."""

from fairlead_router.authorizers.by_function import CallableAuthorizer
from fairlead_router.authorizers.by_procedure import ProcedureAuthorizer
from fairlead_router.authorizers.rules import EVERYBODY, InvalidRule, Rule
from fairlead_router.authorizers.static import StaticAuthorizer

__all__ = ["EVERYBODY", "CallableAuthorizer", "InvalidRule", "ProcedureAuthorizer", "Rule", "StaticAuthorizer"]
