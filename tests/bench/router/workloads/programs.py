"""Programs around the router: members inside one, and clients of ours, where they are slower than their server."""

from __future__ import annotations

from bench.peers import PEERS
from bench.processes import running
from bench.router.loads import clients as clients_load
from bench.router.loads import members as members_load
from bench.suite.running import Run, load
from bench.suite.section import Section

QUICK_UNITS = 2_000


def members(run: Run) -> Section:
    """In one process, without a socket."""
    run.say("members")
    job = members_load.Job(QUICK_UNITS) if run.is_quick else members_load.Job()
    measured = load(members_load, job, members_load.Result)
    return Section(
        title="Members of an embedding program",
        about=(
            "Members (`Realm.join`) that publish to and call each other in the process of the router, on uvloop: CPU of"
            f" the whole program, {job.units} units of each. What one gets is decoded anew for it, so that no object is"
            " shared; calls have 16 in flight."
        ),
        header=["", "CPU"],
        rows=[[name, f"{cpu_us:.1f} us"] for name, cpu_us in measured.cpu_us.items()],
        measured=measured,
    )


def clients(run: Run) -> Section:
    """Over WebSocket, beside `fairlead serve`."""
    run.say("clients")
    with running(PEERS["fairlead"]) as router:
        units = QUICK_UNITS if run.is_quick else clients_load.Job("", 0).units
        job = clients_load.Job(router.url, router.pid, units)
        measured = load(clients_load, job, clients_load.Result)
    return Section(
        title="Clients of ours",
        about=(
            "`fairlead_client` on asyncio, over Autobahn|Python and WebSocket, beside `fairlead serve`: what the client"
            " spends a unit and what its server does, 16 requests in flight. A program that has to be faster than its"
            " column says needs more processes, or takes what is larger than an event: a batch of log records, a watch."
        ),
        header=["", "client CPU", "server CPU", "client over server", "units/s"],
        rows=[
            [name, f"{way.client_us:.1f} us", f"{way.server_us:.1f} us", _ratio(way), f"{way.per_s:,.0f}"]
            for name, way in measured.ways.items()
        ],
        measured=measured,
    )


def _ratio(way: clients_load.Way) -> str:
    return f"{way.client_us / way.server_us:.1f}" if way.server_us else ""
