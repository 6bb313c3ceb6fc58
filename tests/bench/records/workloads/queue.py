"""The queue and its dispatchers: ours, the table that Arvados' dispatchers poll, what NATS' key-value store tells."""

from __future__ import annotations

from msgspec.structs import replace

from bench.environment import Unavailable
from bench.logs.systems.fairlead import Fairlead
from bench.logs.systems.jetstream import JetStream
from bench.logs.systems.postgresql import durable_server
from bench.records.loads import kv, polling, queue
from bench.records.times import Times
from bench.suite.running import Run, load
from bench.suite.section import Section

QUEUED_P99_MS, CANCEL_MS = 20, 100
POLLS_S = (10.0, 0.1)
QUICK_S = 3.0
HEADER = ("", "queued to dispatcher (p50, p99)", "cancel to dispatcher (p50, p99)", "CPU", "load", "ended")
ABOUT = (
    "1000 containers/s are created, one call each, and 10 dispatchers hear of all of them, take them, 50 at once, "
    "start them, and end them after 0.5 s; 20/s are cancelled while they run. So there are four changes of each "
    f"container, all durable. Wanted: p99 within {QUEUED_P99_MS} ms from sending the creation to the first "
    f"dispatcher that is told, and {CANCEL_MS} ms for a cancellation. *Polled* is a PostgreSQL table, which waits "
    "for the disk as ours does, and the questions of Arvados' dispatcher, 10 s apart as there, and 0.1 s; without "
    "the API server that Arvados has between. NATS' key-value store has no queue: it is given as many puts as there "
    "are changes here, and tells 10 watchers; its column is from put to watcher. CPU is that of the server, part of "
    "a core."
)


def measure(run: Run) -> Section:
    """One round of each."""
    seconds = QUICK_S if run.is_quick else 0.0
    ours = {shared: _fairlead(run, seconds, has_own_objects=not shared) for shared in (True, False)}
    polled = {poll_s: _polled(run, seconds, poll_s) for poll_s in POLLS_S}
    stores = _key_value(run, seconds)
    rows = [_our_row(shared, result) for shared, result in ours.items()]
    rows += [_polled_row(poll_s, result) for poll_s, result in polled.items()]
    rows += [_store_row(title, result) for title, result in stores.items()]
    return Section(
        title="The queue",
        about=ABOUT,
        header=HEADER,
        rows=rows,
        measured={"fairlead": list(ours.values()), "polled": list(polled.values()), "nats": stores},
        is_exact=all(result.is_exact for result in ours.values()),
    )


def _fairlead(run: Run, seconds: float, *, has_own_objects: bool) -> queue.Result:
    run.say("queue: fairlead")
    with Fairlead().running() as server:
        job = queue.Job(server.url, server.pid, has_own_objects=has_own_objects)
        return load(queue, replace(job, measured_s=seconds or job.measured_s), queue.Result)


def _polled(run: Run, seconds: float, poll_s: float) -> polling.Result:
    run.say(f"queue: polled each {poll_s:g} s")
    with durable_server() as server:
        job = polling.Job(server.new_database(), server.pid, poll_s, measured_s=seconds or max(10.0, 3 * poll_s))
        return load(polling, job, polling.Result)


def _key_value(run: Run, seconds: float) -> dict[str, kv.Result]:
    results: dict[str, kv.Result] = {}
    for is_durable in (True, False):
        system = JetStream(is_durable=is_durable, is_batched=False)
        title = "NATS KV, `sync_interval: always`" if is_durable else "NATS KV as it comes (not durable)"
        try:
            system.prepare(run.environment)
        except Unavailable as error:
            run.say(f"{title}: {error}")
            continue
        run.say(f"queue: {title}")
        with system.running() as server:
            job = kv.Job(server.url, server.pid)
            results[title] = load(kv, replace(job, measured_s=seconds or job.measured_s), kv.Result)
    return results


def _our_row(is_shared: bool, result: queue.Result) -> list[str]:
    return [
        "Fairlead, " + ("one object for all" if is_shared else "an object of permissions each"),
        str(result.queued),
        str(result.cancel),
        _share(result.cpu_s, result.seconds),
        f"{result.load_share:.2f}",
        _ended(result.ended, result.created),
    ]


def _polled_row(poll_s: float, result: polling.Result) -> list[str]:
    return [
        f"polled each {poll_s:g} s",
        str(result.queued),
        str(result.cancel),
        _share(result.cpu_s, result.seconds),
        f"{result.load_share:.2f}",
        _ended(result.ended, result.created),
    ]


def _store_row(title: str, result: kv.Result) -> list[str]:
    lags: Times = result.lags
    told = f"{result.received} of {result.expected} told"
    return [title, str(lags), "", _share(result.cpu_s, result.seconds), f"{result.load_share:.2f}", told]


def _share(cpu_s: float, seconds: float) -> str:
    return f"{cpu_s / seconds:.2f}"


def _ended(ended: int, created: int) -> str:
    return f"all {created}" if ended == created else f"**{ended} of {created}**"
