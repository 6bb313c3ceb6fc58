"""Follows a table of somebody else's PostgreSQL database: its rows become records, each change within milliseconds.

The database gets an outbox: a table into which triggers write, in the transaction of the change itself, which rows it
has touched (`installing`). The follower reads what has become visible there since its cursor (`snapshots`), fetches
these rows as they are now, and puts them as records in one batch with the cursor (`follower`): so nothing is lost and
nothing is done twice, whichever side is killed. It is a client like any other: `source` speaks to the database,
`records` to Fairlead.
"""
