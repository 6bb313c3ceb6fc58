"""The graph in SQL, and the questions: written from the rules of the Arvados model, not taken from Arvados.

`nodes` are users, roles and projects; `objects` are all else and lead nowhere, as in Arvados they are judged through
their owner. `edges` are links and ownership together; what is known of an edge's ends stands with it, so that a walk
reads one table. A walk goes out of the user whom it is about and out of groups, and has at each place the level of the
weakest edge so far; what is owned by a place counts where the walk may go on from there (`traverse`).
"""

SCHEMA = """
CREATE TABLE nodes (id text PRIMARY KEY, is_group boolean NOT NULL, owner text NOT NULL);
CREATE TABLE objects (id text PRIMARY KEY, owner text NOT NULL);
CREATE TEMPORARY TABLE links (tail text, head text, level smallint);
CREATE TABLE edges (
    tail text NOT NULL, head text NOT NULL, level smallint NOT NULL,
    from_group boolean NOT NULL, traverse boolean NOT NULL
);
CREATE TABLE permissions (
    user_id text, target_id text, level smallint NOT NULL, traverse boolean NOT NULL, PRIMARY KEY (user_id, target_id)
);
"""

OWN = """
INSERT INTO edges
SELECT owners.id, nodes.id, 3, owners.is_group, true FROM nodes JOIN nodes AS owners ON owners.id = nodes.owner
"""

LINKS = """
INSERT INTO edges
SELECT tail, head, level, tails.is_group, coalesce(heads.is_group OR level = 3, false)
FROM links JOIN nodes AS tails ON tails.id = tail LEFT JOIN nodes AS heads ON heads.id = head
"""

LINK = LINKS.replace("links", "(VALUES (%(tail)s, %(head)s, %(level)s::smallint)) AS link (tail, head, level)")

UNLINK = "DELETE FROM edges WHERE tail = %(tail)s AND head = %(head)s AND level = %(level)s"
"""Not an owner's edge: its level is manage."""

INDEXES = """
CREATE INDEX ON edges (tail);
CREATE INDEX ON edges (head);
CREATE INDEX ON permissions (target_id);
"""

CHECK = """
WITH RECURSIVE walk (target_id, level, traverse) AS (
    SELECT %(user)s::text, 3::smallint, true
    UNION
    SELECT edges.head, least(walk.level, edges.level), edges.traverse
    FROM walk JOIN edges ON edges.tail = walk.target_id
    WHERE edges.level >= %(level)s AND (edges.from_group OR edges.tail = %(user)s)
)
SELECT EXISTS (
    SELECT FROM walk, objects
    WHERE objects.id = %(object)s
      AND (walk.target_id = objects.id OR (walk.target_id = objects.owner AND walk.traverse))
)
"""
"""What has less than the level is not gone along: no path over it has more."""

WHO = """
WITH RECURSIVE up (id) AS (
    SELECT unnest(ARRAY[id, owner]) FROM objects WHERE id = %(object)s
    UNION
    SELECT edges.tail FROM up JOIN edges ON edges.head = up.id
)
SELECT nodes.id FROM up JOIN nodes USING (id) WHERE NOT is_group
"""
"""Backwards, where every edge counts, since any level reads; users begin here, nobody leads to them."""

MATERIALIZE = """
INSERT INTO permissions
WITH RECURSIVE walk (user_id, target_id, level, traverse) AS (
    SELECT id, id, 3::smallint, true FROM nodes WHERE NOT is_group
    UNION
    SELECT walk.user_id, edges.head, least(walk.level, edges.level), edges.traverse
    FROM walk JOIN edges ON edges.tail = walk.target_id
    WHERE edges.from_group OR edges.tail = walk.user_id
)
SELECT user_id, target_id, max(level), bool_or(traverse) FROM walk GROUP BY user_id, target_id
"""

MATERIALIZED_CHECK = """
SELECT EXISTS (
    SELECT FROM objects JOIN permissions
      ON target_id = objects.id OR (target_id = objects.owner AND traverse)
    WHERE objects.id = %(object)s AND user_id = %(user)s AND level >= %(level)s
)
"""

MATERIALIZED_WHO = """
SELECT user_id FROM objects JOIN permissions ON target_id = objects.id OR (target_id = objects.owner AND traverse)
WHERE objects.id = %(object)s
"""

LOCK = "LOCK TABLE permissions IN EXCLUSIVE MODE"

UPDATE = """
WITH RECURSIVE below (id) AS (
    SELECT %(head)s::text
    UNION
    SELECT edges.head FROM below JOIN edges ON edges.tail = below.id WHERE edges.from_group
), walk (user_id, target_id, level, traverse) AS (
    SELECT user_id, edges.head, least(permissions.level, edges.level), edges.traverse
    FROM below
    JOIN edges ON edges.head = below.id
    JOIN permissions ON permissions.target_id = edges.tail
    WHERE edges.tail NOT IN (SELECT id FROM below) AND (edges.from_group OR edges.tail = user_id)
    UNION
    SELECT walk.user_id, edges.head, least(walk.level, edges.level), edges.traverse
    FROM walk JOIN edges ON edges.tail = walk.target_id WHERE edges.from_group
), now AS (
    SELECT user_id, target_id, max(level) AS level, bool_or(traverse) AS traverse FROM walk GROUP BY user_id, target_id
), gone AS (
    DELETE FROM permissions
    WHERE target_id = ANY (ARRAY(SELECT id FROM below)) AND user_id <> target_id
      AND (user_id, target_id) NOT IN (SELECT user_id, target_id FROM now)
)
INSERT INTO permissions SELECT user_id, target_id, level, traverse FROM now WHERE user_id <> target_id
ON CONFLICT (user_id, target_id) DO UPDATE SET level = excluded.level, traverse = excluded.traverse
WHERE (permissions.level, permissions.traverse) IS DISTINCT FROM (excluded.level, excluded.traverse)
"""
"""After a link to `head` came or went: who has what on it and below is found from who has what on what leads there."""
