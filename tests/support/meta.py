"""The meta API over the protocol core: its answers, and its events as a sequence."""

from __future__ import annotations

from itertools import count
from typing import Any, NamedTuple

from support.core import Peer

_request_ids = count(1_000_000)


class Refusal(NamedTuple):
    """ERROR instead of a result."""

    uri: str
    text: str


def call(peer: Peer, procedure: str, *args: Any, **kwargs: Any) -> Any:
    """The first positional result, None without one, or a Refusal. What else arrives is left to be taken."""
    request = next(_request_ids)
    arrived = peer.ask([48, request, {}, procedure, list(args), kwargs])
    [answer] = [message for message in arrived if _answers(message, request)]
    peer.put_back(message for message in arrived if message is not answer)
    if answer[0] == 8:
        return Refusal(answer[4], answer[5][0])
    return answer[3][0] if answer[3] else None


def refused(peer: Peer, procedure: str, *args: Any, **kwargs: Any) -> str:
    """The URI of the error that the call is answered with."""
    answer = call(peer, procedure, *args, **kwargs)
    assert isinstance(answer, Refusal), answer
    return answer.uri


def _answers(message: list[Any], request: int) -> bool:
    return message[:2] == [50, request] or message[:3] == [8, 48, request]


class Watcher:
    """A peer that listens to meta events and tells them in the order of their arrival."""

    def __init__(self, peer: Peer, *topics: str) -> None:
        self.peer = peer
        requests = dict(enumerate(topics, 1))
        arrived = peer.ask(*([32, request, {}, topic] for request, topic in requests.items()))
        self.topics = {message[2]: requests[message[1]] for message in arrived if message[0] == 33}

    def heard(self) -> list[Any]:
        """(topic's last part, args) of each event since the last time. Fails for any other message."""
        messages = self.peer.take()
        assert all(message[0] == 36 for message in messages), messages
        return [(self.topics[message[1]].rpartition(".")[2], message[4]) for message in messages]
