"""A router for the tests: keeps the history of com.example.kept, says its port, ends with its standard input."""

import asyncio
import sys

from fairlead_router import HistoryRule, RealmOptions, Router


async def main() -> None:
    router = Router()
    router.add_realm("realm1", options=RealmOptions(event_history=(HistoryRule("com.example.kept", "prefix"),)))
    listener = await router.listen(f"tcp://127.0.0.1:{sys.argv[1]}")
    print(listener.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
