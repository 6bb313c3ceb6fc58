"""Taking over the permissions of an Arvados cluster, and following them (docs/arvados.md).

    source (files.py, api.py) -> records -> placement -> differences -> batches -> fairlead.authz.apply

Written from the API's documentation. Nothing here decides about rights: what Arvados has becomes users, groups, things
and links of the graph, by ordinary changes that an administrator could have made.
"""
