"""A process that works on a queue until it is killed: `python -m tests.crash.dispatching URL DIALECT`."""

from __future__ import annotations

import asyncio
import sys

from tests.support.databases import Databases
from tests.support.rig import Rig


async def work(rig: Rig) -> None:
    """Hand over until somebody ends this process."""
    async with rig.working():
        print("working", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    url, dialect = sys.argv[1:]
    asyncio.run(work(Rig(Databases(url, dialect))))
