"""One end of a path by aioice, which nobody here wrote; speaks in the lines of Sources/LabPath.

    aioice_peer.py controlling|controlled OWN-ADDRESS [STUN-ADDRESS [TURN-TRANSPORT USER PASSWORD]]
"""

import asyncio
import sys

import aioice


async def main(role: str, own: str, stun: str = "", transport: str = "", user: str = "", password: str = "") -> None:
    server = (stun, 3478) if stun else None
    connection = aioice.Connection(
        ice_controlling=role == "controlling", components=1, stun_server=server, use_ipv6=False,
        turn_server=server if transport else None, turn_username=user or None, turn_password=password or None,
        turn_transport=transport or "udp",
    )  # fmt: skip
    await connection.gather_candidates()
    candidates = "".join(f"|{one.to_sdp()}" for one in connection.local_candidates)
    say(f"description {connection.local_username} {connection.local_password} complete once {candidates}")
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    task, known = None, set()
    while line := (await lines.readline()).decode().strip():
        word, _, rest = line.partition(" ")
        if word == "remote":
            head, *listed = (part.strip() for part in rest.split("|"))
            connection.remote_username, connection.remote_password, state, _ = head.split()
            for one in listed:
                if one not in known:
                    known.add(one)
                    await connection.add_remote_candidate(aioice.Candidate.from_sdp(one))
            if state == "complete" and task is None:
                await connection.add_remote_candidate(None)
                task = loop.create_task(carry(connection))
        elif word == "send" and task:
            try:
                await connection.send(b"\xc0" + rest.encode())
            except ConnectionError:
                pass  # not connected yet, and the lab says it again
        elif word == "quit":
            break
    await connection.close()


async def carry(connection: aioice.Connection) -> None:
    try:
        await connection.connect()
    except ConnectionError as error:
        say(f"failed {error}")
        return
    pair = connection._nominated[1]
    kind = "relayed" if "relay" in (pair.local_candidate.type, pair.remote_candidate.type) else "punched"
    say(f"route {kind} {pair.local_addr} {pair.remote_addr}".replace("'", "").replace(", ", ":"))
    while True:
        try:
            say("data " + (await connection.recv())[1:].decode())
        except ConnectionError:
            say("failed lost")
            return


def say(line: str) -> None:
    print(line, flush=True)


asyncio.run(main(*sys.argv[1:]))
