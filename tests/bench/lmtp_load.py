"""Deliveries over LMTP at a pace, with the times that matter.

One asyncio loop, a few connections, no library in the way: the client must cost
little beside what it measures."""

import asyncio
import time


class Delivery:
    __slots__ = ("user", "started", "data_end", "answered", "reply")

    def __init__(self, user):
        self.user = user
        self.started = self.data_end = self.answered = 0.0
        self.reply = b""

    @property
    def ok(self):
        return self.reply.startswith(b"250")

    @property
    def seconds(self):
        """From MAIL FROM to the final answer."""
        return self.answered - self.started


async def _connect(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"LHLO bench.example.org\r\n")
    while (await reader.readline())[3:4] == b"-":
        pass
    return reader, writer


async def _deliver(connection, group, message):
    """One transaction; a delivery each for its recipients."""
    reader, writer = connection
    started = time.time()
    recipients = b"".join(b"RCPT TO:<%s>\r\n" % delivery.user.encode() for delivery in group)
    writer.write(b"MAIL FROM:<sender@example.org>\r\n" + recipients + b"DATA\r\n")
    for _ in range(len(group) + 2):
        line = await reader.readline()
        if line[:1] not in b"23":
            for delivery in group:
                delivery.reply, delivery.answered = line, time.time()
            raise ConnectionError(line)
    writer.write(message)
    data_end = time.time()
    for delivery in group:
        delivery.started, delivery.data_end = started, data_end
        delivery.reply = await reader.readline()
        delivery.answered = time.time()


async def _run(port, users, count, rate, connections, message, recipients):
    body = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    body = body.replace(b"\r\n.", b"\r\n..").rstrip(b"\r\n") + b"\r\n.\r\n"
    deliveries = [Delivery(users[i % len(users)]) for i in range(count)]
    pending = iter([deliveries[i:i + recipients] for i in range(0, count, recipients)])
    start = time.time() + 0.1
    taken = 0

    async def worker():
        nonlocal taken
        connection = await _connect(port)
        for group in pending:
            if rate:
                due = start + taken / rate
                taken += len(group)
                pause = due - time.time()
                if pause > 0:
                    await asyncio.sleep(pause)
            try:
                await _deliver(connection, group, body)
            except (ConnectionError, asyncio.IncompleteReadError, OSError):
                connection = await _connect(port)
        connection[1].close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    return deliveries


def run(port, users, count, message, rate=0, connections=4, recipients=1):
    """`count` deliveries to `users` in turn, `rate` a second (0: as fast as it goes), `recipients` in
    one LMTP transaction."""
    return asyncio.run(_run(port, users, count, rate, connections, message, recipients))
