"""A control point on async-upnp-client, to compare with: async-control-point.py INTERFACE COUNT

Prints "ready", searches when a line arrives on standard input, and prints "complete ms=…" when it has that
many root devices with their descriptions; stays until it is killed, so that it can be weighed.
"""

import asyncio
import fcntl
import socket
import struct
import sys
import time

from async_upnp_client.aiohttp import AiohttpRequester
from async_upnp_client.description_cache import DescriptionCache
from async_upnp_client.search import async_search

SIOCGIFADDR = 0x8915


def address_of(interface: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        answer = fcntl.ioctl(one, SIOCGIFADDR, struct.pack("256s", interface.encode()))
    return socket.inet_ntoa(answer[20:24])


async def main() -> None:
    interface, wanted = sys.argv[1], int(sys.argv[2])
    loop = asyncio.get_running_loop()
    descriptions = DescriptionCache(AiohttpRequester(timeout=10))
    tasks: dict[str, asyncio.Task] = {}
    known: set[str] = set()
    done = asyncio.Event()
    few = asyncio.Semaphore(8)

    async def read(location: str) -> None:
        async with few:
            description = await descriptions.async_get_description_dict(location)
        if description:
            known.add(description["UDN"])
        if len(known) == wanted:
            done.set()

    async def heard(headers) -> None:
        location = headers["location"]
        if location not in tasks:
            tasks[location] = asyncio.create_task(read(location))

    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    start = time.monotonic()

    async def search() -> None:
        # Again until all are there, for datagrams get lost; the other stacks repeat a search by themselves.
        while not done.is_set():
            await async_search(heard, timeout=1, search_target="upnp:rootdevice", source=(address_of(interface), 0))

    searching = asyncio.create_task(search())
    await done.wait()
    print(f"complete ms={(time.monotonic() - start) * 1000:.1f}", flush=True)
    await searching
    await asyncio.sleep(3600)


asyncio.run(main())
