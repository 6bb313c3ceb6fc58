"""What must end something live, and all that is live: a table of transitions, a table of surfaces, and a stage.

    async with core_stage(url, transition) as stage:
        await play(stage, transition, SURFACES)

`play` opens every surface for who loses, for who keeps by another path and for a bystander, makes the change while
events go on, and fails where anybody gets what it may not, misses what it may, or is told wrongly.
"""
