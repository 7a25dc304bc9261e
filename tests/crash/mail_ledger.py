"""A mail server that keeps in a file, outside of the product, what it took: `python -m tests.crash.mail_ledger FILE`.

It says its port on standard output and ends with its standard input. A line a message, written before the answer:
the time (seconds), the recipient, the Message-ID.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

ANSWER_S = 0.15
"""How long it thinks about each message: what is in flight when somebody is killed is what is being thought about."""


async def _serve(file: int) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to = ""
        writer.write(b"220 ledger\r\n")
        try:
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    text = await reader.readuntil(b"\r\n.\r\n")
                    await asyncio.sleep(ANSWER_S)
                    os.write(file, f"{time.time():.3f} {to} {_identity(text)}\n".encode())
                    writer.write(b"250 kept\r\n")
                elif verb == b"RCPT":
                    to = line.partition(b"<")[2].partition(b">")[0].decode()
                    writer.write(b"250 yes\r\n")
                elif verb == b"QUIT":
                    return
                else:
                    writer.write(b"250 yes\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(conversation, "127.0.0.1", 0, limit=1 << 22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def _identity(message: bytes) -> str:
    head = message.partition(b"\r\n\r\n")[0].lower()
    return head.partition(b"\r\nmessage-id:")[2].partition(b"\r\n")[0].strip().decode()


if __name__ == "__main__":
    asyncio.run(_serve(os.open(sys.argv[1], os.O_CREAT | os.O_APPEND | os.O_WRONLY)))
