"""A QUIC client that nobody here wrote (aioquic): shakes hands with a gateway and tells how it was received.

    quic_stranger.py HOST PORT ALPN CERTIFICATE KEY

Prints `code reason` of the close that it got, or `-` and that it came to none. It shows a certificate, and accepts any.
"""

import asyncio
import ssl
import sys

from aioquic.asyncio import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated


class Stranger(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.end = asyncio.get_running_loop().create_future()

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated) and not self.end.done():
            self.end.set_result(event)


async def main(host: str, port: str, protocol: str, certificate: str, key: str) -> None:
    configuration = QuicConfiguration(is_client=True, alpn_protocols=[protocol], verify_mode=ssl.CERT_NONE)
    configuration.load_cert_chain(certificate, key)
    try:
        async with connect(host, int(port), configuration=configuration, create_protocol=Stranger) as stranger:
            end = await asyncio.wait_for(stranger.end, 10)
            print(end.error_code, end.reason_phrase)
    except ConnectionError:
        print("- the handshake failed")


asyncio.run(main(*sys.argv[1:]))
