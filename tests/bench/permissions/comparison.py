"""Every engine with the same graph and the same questions: what they cost, and that all answer alike.

An engine that answers otherwise than the first one is not compared with it: the run fails.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.environment import Environment, Unavailable
from bench.permissions.dataset import Size
from bench.permissions.engines import ENGINES
from bench.permissions.engines.base import Client, Engine
from bench.permissions.questions import COMPARED, ComparedDataset, Question, Revocable, questions, revocable
from bench.processes import MeasuringFailed

BLOCK = 60
WARM_TIMES = 3
"""So many questions are asked once and then so often again, before the next: within what caches keep."""
WHO_TIMES = 3
POLL_S = 0.002
STALE_TIMEOUT_S = 30.0


class Plan(NamedTuple):
    """How much is asked."""

    size: Size = COMPARED
    checks: int = 1_000
    direct_revokes: int = 50
    group_revokes: int = 2


class Latency(msgspec.Struct, frozen=True):
    """Of many, in ms."""

    p50: float
    p99: float

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> Latency:
        return cls(statistics.median(values_ms), statistics.quantiles(values_ms, n=100)[98])


class Revocation(msgspec.Struct, frozen=True):
    """The median until it is acknowledged, and the worst from there until a check says no; in ms."""

    acknowledged: float
    refused: float


class Compared(msgspec.Struct, frozen=True):
    """What one engine did."""

    name: str
    version: str
    load_s: float
    rss_bytes: int
    nothing: Latency
    """Asked: the way there and back."""
    cold: Latency
    warm: Latency
    warm_cpu_ms: float
    """Of the engine's processes, for a warm check."""
    many: int
    many_ms: float
    """Who may read an object of the big role, and how many these are."""
    few: int
    few_ms: float
    """Of some other object."""
    direct: Revocation
    group: Revocation


class Missing(msgspec.Struct, frozen=True):
    """An engine that is not there, and why: what failed, and the last that it said."""

    name: str
    reason: str


Outcomes = list[Compared | Missing]


def compare(environment: Environment, plan: Plan, engines: Iterable[Engine] = ENGINES) -> Outcomes:
    """Each engine in turn, alone. Raises MeasuringFailed."""
    comparison = Comparison(plan)
    found: Outcomes = []
    for engine in engines:
        print(f"the same questions to {engine.name}", flush=True)
        try:
            version = engine.prepare(environment)
        except Unavailable as unavailable:
            lines = str(unavailable).splitlines()
            found.append(Missing(engine.name, " ".join(dict.fromkeys((lines[0], lines[-1])))))
        else:
            found.append(comparison.measure(engine, version))
    return found


class Comparison:
    """The questions, and what the first engine answered."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._dataset = dataset = ComparedDataset(plan.size)
        self._questions = questions(dataset, plan.checks)
        self._single, self._group = revocable(dataset, plan.direct_revokes)
        self._users = set(dataset.users)
        self._answers: dict[Question | str, object] = {}

    def measure(self, engine: Engine, version: str) -> Compared:
        """Load the graph and ask. Raises MeasuringFailed."""
        with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
            before_s = time.perf_counter()
            with engine.load(self._dataset, Path(name)) as client:
                load_s = time.perf_counter() - before_s
                return self._asked(engine.name, version, load_s, client)

    def _asked(self, name: str, version: str, load_s: float, client: Client) -> Compared:
        rss_bytes = client.rss_bytes()
        nothing_ms = [_took_ms(client.ask_nothing) for _ in self._questions]
        cold_ms, warm_ms, warm_cpu_s = self._all_checks(name, client)
        many_ms, many = self._who(name, client, self._dataset.live_objects[0])
        few_ms, few = self._who(name, client, self._dataset.objects[1])
        return Compared(
            name=name,
            version=version,
            load_s=load_s,
            rss_bytes=rss_bytes,
            nothing=Latency.of(nothing_ms),
            cold=Latency.of(cold_ms),
            warm=Latency.of(warm_ms),
            warm_cpu_ms=warm_cpu_s * 1e3 / len(warm_ms),
            many=many,
            many_ms=many_ms,
            few=few,
            few_ms=few_ms,
            direct=_revoked(client, self._single),
            group=self._revoke_group(client),
        )

    def _all_checks(self, name: str, client: Client) -> tuple[list[float], list[float], float]:
        cold_ms: list[float] = []
        warm_ms: list[float] = []
        warm_cpu_s = 0.0
        for first in range(0, len(self._questions), BLOCK):
            block = self._questions[first : first + BLOCK]
            cold_ms += self._checks(name, client, block)
            warm_cpu_s -= client.cpu_s()
            for _ in range(WARM_TIMES):
                warm_ms += self._checks(name, client, block)
            warm_cpu_s += client.cpu_s()
        return cold_ms, warm_ms, warm_cpu_s

    def _checks(self, name: str, client: Client, asked: Iterable[Question]) -> list[float]:
        took_ms: list[float] = []
        for question in asked:
            before_s = time.perf_counter()
            answer = client.check(*question)
            took_ms.append((time.perf_counter() - before_s) * 1e3)
            self._compare(name, question, answer)
        return took_ms

    def _who(self, name: str, client: Client, object_id: str) -> tuple[float, int]:
        took_ms: list[float] = []
        for _ in range(WHO_TIMES):
            before_s = time.perf_counter()
            found = client.who(object_id)
            took_ms.append((time.perf_counter() - before_s) * 1e3)
            users = found & self._users
            self._compare(name, object_id, users)
        return statistics.median(took_ms), len(users)

    def _compare(self, name: str, asked: Question | str, answer: object) -> None:
        """Raises MeasuringFailed, without the thousands of users that an answer may be."""
        if self._answers.setdefault(asked, answer) != answer:
            raise MeasuringFailed(f"{name} answers {asked!r} otherwise than the first engine")

    def _revoke_group(self, client: Client) -> Revocation:
        each: list[Revocation] = []
        for _ in range(self._plan.group_revokes):
            each.append(_revoked(client, [self._group]))
            client.grant(self._group.tail, self._group.head)
        return Revocation(statistics.median(found.acknowledged for found in each), max(found.refused for found in each))


def _revoked(client: Client, links: Iterable[Revocable]) -> Revocation:
    """Revokes one after the other. Each is asked about before, as what somebody who is connected needs is."""
    acknowledged_ms: list[float] = []
    refused_ms: list[float] = []
    allowed: list[tuple[Question, float]] = []
    for tail, head, question in links:
        _await(client, question, True, time.perf_counter())
        before_s = time.perf_counter()
        client.revoke(tail, head)
        acknowledged_s = time.perf_counter()
        acknowledged_ms.append((acknowledged_s - before_s) * 1e3)
        if client.check(*question):
            allowed.append((question, acknowledged_s))
        else:
            refused_ms.append((time.perf_counter() - acknowledged_s) * 1e3)
    refused_ms += [_await(client, question, False, since_s) for question, since_s in allowed]
    return Revocation(statistics.median(acknowledged_ms), max(refused_ms))


def _await(client: Client, question: Question, answer: bool, since_s: float) -> float:
    """How long after that time the answer has become this, in ms. Raises MeasuringFailed if it does not."""
    while client.check(*question) is not answer:
        if time.perf_counter() > since_s + STALE_TIMEOUT_S:
            raise MeasuringFailed(f"{question!r} is not answered by {answer} {STALE_TIMEOUT_S} s after the change")
        time.sleep(POLL_S)
    return (time.perf_counter() - since_s) * 1e3


def _took_ms(ask: Callable[[], None]) -> float:
    before_s = time.perf_counter()
    ask()
    return (time.perf_counter() - before_s) * 1e3
