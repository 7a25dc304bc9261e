"""Concurrency limiter: slots reserved for emergencies."""

from __future__ import annotations

import asyncio

from alerts.dispatch.concurrency_limiter import ConcurrencyLimiter


def test_emergencies_pass_where_others_wait() -> None:
    async def run() -> None:
        gate = ConcurrencyLimiter(3, 1)
        inside: list[str] = []
        leave = asyncio.Event()

        async def one(name: str, emergency: bool) -> None:
            async with gate.slot(emergency=emergency):
                inside.append(name)
                await leave.wait()

        ordinary = [asyncio.create_task(one(f"o{i}", False)) for i in range(4)]
        await asyncio.sleep(0)
        assert inside == ["o0", "o1"]
        urgent = [asyncio.create_task(one(f"e{i}", True)) for i in range(2)]
        await asyncio.sleep(0)
        assert inside == ["o0", "o1", "e0"]
        ordinary[3].cancel()
        leave.set()
        await asyncio.gather(*ordinary[:3], *urgent)
        assert inside.index("e1") < inside.index("o2") and "o3" not in inside
        assert gate.inside == 0

    asyncio.run(run())
