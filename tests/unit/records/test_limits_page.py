"""docs/limits.md says the record service's own bounds as they are."""

from __future__ import annotations

import re
from pathlib import Path

from fairlead_records.dispatch import arguments as of_containers
from fairlead_records.dispatch import lifecycle, requests, taking, tenure
from fairlead_records.live import answers, ledger, watch
from fairlead_records.model import query, record, table
from fairlead_records.procedures import arguments, watching, writing

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "limits.md"
PACKAGE = ROOT / "services" / "records" / "fairlead_records"
ROW = re.compile(r"^\| (?:`(\w+)`|([\w ]+)) \| ([^|]+) \|", re.MULTILINE)
NUMBER = re.compile(r"\d+(?: \d{3})*")


def rows() -> dict[str, list[int]]:
    """The numbers of each row's value."""
    [section] = re.findall(r"(?ms)^## The record service$.*?(?=^## )", PAGE.read_text(encoding="utf-8"))
    found = {name or words: NUMBER.findall(value) for name, words, value in ROW.findall(section)}
    return {name: [int(number.replace(" ", "")) for number in numbers] for name, numbers in found.items()}


def test_page_lists_each_limit_with_its_value() -> None:
    assert {name: numbers for name, numbers in rows().items() if numbers} == {
        "records": [record.RECORDS_LIMIT],
        "record_bytes": [record.RECORDS_LIMIT_BYTES],
        "batch_bytes": [writing.BATCH_LIMIT_BYTES],
        "watches": [watching.WATCHES_LIMIT],
        "marks": [watching.MARKS_LIMIT],
        "a state": [record.STATE_LIMIT_BYTES, record.STATE_LIMIT_LEVELS],
        "a batch": [arguments.BATCH_LIMIT],
        "ids": [arguments.IDS_LIMIT],
        "conditions": [query.CONDITIONS_LIMIT, query.VALUES_LIMIT],
        "wait_s": [arguments.WAIT_LIMIT_S],
        "waiting changes": [ledger.WAITING_LIMIT_BYTES],
        "waiting changes of one session": [ledger.SESSION_LIMIT_BYTES],
        "one transaction": [ledger.GROUP_LIMIT_CHANGES, ledger.GROUP_LIMIT_BYTES],
        "an answer": [arguments.ANSWER_LIMIT_BYTES, arguments.LIST_RECORDS],
        "a page": [watch.PAGE_BYTES],
        "kept changes": [table.CHANGE_LIMIT_BYTES],
        "kept answers": [answers.KEPT_ANSWERS, answers.KEPT_BYTES],
        "requests_of_container": [requests.REQUESTS_LIMIT],
        "a container": [
            of_containers.SPEC_LIMIT_BYTES,
            of_containers.STATUS_LIMIT_BYTES,
            of_containers.OUTPUT_LIMIT_BYTES,
        ],
        "a take": [of_containers.TAKEN_LIMIT, taking.TAKEN_LIMIT_BYTES],
        "locks": [lifecycle.LOCK_LIMIT],
        "a lease": [of_containers.LEASE_LEAST_S, of_containers.LEASE_LIMIT_S],
        "attempts": [of_containers.ATTEMPTS_LIMIT],
        "lapses": [tenure.REMEMBERED_LAPSES],
        "like containers": [requests.LOOKED_AT_LIMIT],
    }


def test_every_limit_that_an_error_names_is_on_the_page() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    named = set(re.findall(r'limit="(\w+)"', sources))
    assert named
    assert named <= set(rows())
