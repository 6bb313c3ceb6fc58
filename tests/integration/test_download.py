"""Logs over HTTP from a real server: whose token it is, and what becomes of a body when a right ends."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest

from support.serving import Serving, line_with


async def test_a_log_is_downloaded_with_a_token_and_cut_when_the_right_is_revoked(tmp_path: Path) -> None:
    async with Serving(tmp_path) as server, aiohttp.ClientSession() as http:
        assert (await server.fairlead("run", "--object", "job", "--", "printf", "a\\nb\\n")).status == 0
        token = (await server.fairlead("token", "bob", "--create")).lines[-1]
        url = f"http://127.0.0.1:{server.port}/logs/job"
        bob = {"Authorization": f"Bearer {token}"}
        async with http.get(url) as answer:
            assert answer.status == 401
        async with http.get(url, headers=bob) as answer:
            assert answer.status == 403
        await server.fairlead("grant", "bob", "read", "job")
        async with http.get(url, headers=bob) as answer:
            assert (answer.status, await answer.read()) == (200, b"a\nb\n")
        async with server.running("run", "--object", "job", "--attempt", "2", "--", "sleep", "60") as process:
            assert process.stderr is not None
            await line_with(process.stderr, "job")
            async with http.get(f"{url}?follow=1", headers=bob) as answer:
                assert await answer.content.readline() == b"a\n"
                await server.fairlead("revoke", "bob", "read", "job")
                with pytest.raises(aiohttp.ClientError):
                    await answer.read()


async def test_the_end_of_a_token_cuts_the_body(tmp_path: Path) -> None:
    async with Serving(tmp_path) as server, aiohttp.ClientSession() as http:
        token = (await server.fairlead("token", "bob", "--create")).lines[-1]
        assert (await server.fairlead("run", "--object", "job", "--", "echo", "a")).status == 0
        async with server.running("run", "--object", "job", "--attempt", "2", "--", "sleep", "60") as process:
            assert process.stderr is not None
            await line_with(process.stderr, "job")
            await server.fairlead("grant", "bob", "read", "job")
            headers = {"Authorization": f"Bearer {token}"}
            url = f"http://127.0.0.1:{server.port}/logs/job?follow=1"
            async with http.get(url, headers=headers) as answer:
                assert await answer.content.readline() == b"a\n"
                listed = json.loads((await server.fairlead("token", "bob", "--list", "--json")).stdout)
                (known,) = listed["tokens"]
                assert (await server.fairlead("token", "bob", "--delete", known["id"])).status == 0
                with pytest.raises(aiohttp.ClientError):
                    await answer.read()
