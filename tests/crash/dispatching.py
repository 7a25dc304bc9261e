"""A process that works on a queue until it is killed: `python -m tests.crash.dispatching URL DIALECT FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.support.databases import Databases
from tests.support.rig import Stack


async def work(stack: Stack) -> None:
    """Hand over until somebody ends this process."""
    async with stack.working():
        print("working", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    url, dialect, folder = sys.argv[1:]
    asyncio.run(work(Stack(Databases(url, dialect), Path(folder))))
