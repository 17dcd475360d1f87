"""Who stands in front of a relay, or is it: passes TCP on, late, twice, in another order or not at all, and keeps all of it."""

import contextlib
import queue
import socket
import threading
import time

from ..namespaces import Namespace

_CHUNK = 16 << 10
#: Chunks that wait in one direction; whoever sends more waits.
_WAITING = 256
_KINDS = (b"latchkey-register/1", b"latchkey-standby/1", b"latchkey-answer/1")


class Passage:
    """One connection, and what has passed through it; `up` is towards the relay."""

    def __init__(self, middle: "Middle", near: socket.socket, far: socket.socket, source: str):
        self.middle, self.source = middle, source
        self.sockets = {"up": (near, far), "down": (far, near)}
        self.seen = {"up": bytearray(), "down": bytearray()}
        self.is_open = True
        for direction in self.sockets:
            waiting: queue.Queue = queue.Queue(_WAITING)
            for work in (self._read, self._write):
                threading.Thread(target=work, args=(direction, waiting), daemon=True).start()

    @property
    def kind(self) -> str:
        """`register`, `standby`, `answer` or `client`, as the relay tells them apart."""
        for kind in _KINDS:
            if kind in self.seen["up"][:2048]:
                return kind.decode().split("-")[1].split("/")[0]
        return "client"

    def _read(self, direction: str, waiting: queue.Queue) -> None:
        out_of = self.sockets[direction][0]
        try:
            while data := out_of.recv(_CHUNK):
                self.seen[direction] += data
                waiting.put((time.monotonic() + self.middle.delay, data))
        except OSError:
            pass
        waiting.put((time.monotonic() + self.middle.delay, b""))

    def _write(self, direction: str, waiting: queue.Queue) -> None:
        into = self.sockets[direction][1]
        held = None
        with contextlib.suppress(OSError):
            while True:
                due, data = waiting.get()
                time.sleep(max(0, due - time.monotonic()))
                if not data:
                    break
                if held is not None:
                    data, held = data + held, None
                else:
                    data, held = self.middle.tamper(self, direction, data)
                into.sendall(data)
            into.shutdown(socket.SHUT_WR)
            return
        self.close()

    def close(self) -> None:
        self.is_open = False
        for one in self.sockets["up"]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Middle:
    """A port that leads to another."""

    def __init__(self, host: Namespace, address: tuple[str, int], to: tuple[str, int]):
        self.host, self.to = host, to
        #: Seconds that everything is held back, in each direction.
        self.delay = 0.0
        self.passages: list[Passage] = []
        #: What was done to streams.
        self.done: list[str] = []
        self._wanted = ""
        self._lock = threading.Lock()
        self._listener = host.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(address)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, (source, _) = self._listener.accept()
                far = self.host.socket()
                try:
                    far.connect(self.to)
                except OSError:
                    near.close()
                    continue
                for one in (near, far):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.passages.append(Passage(self, near, far, source))

    def do(self, what: str) -> None:
        """Does this once to the next large piece of a stream: `swap`, `repeat`, `drop`, `flip` or `cut`."""
        with self._lock:
            self._wanted = what

    def tamper(self, passage: Passage, direction: str, data: bytes) -> tuple[bytes, bytes | None]:
        """What to send on at once, and what behind the next piece."""
        with self._lock:
            wanted = self._wanted
            if not wanted or len(data) < 1024 or len(passage.seen[direction]) < 64 << 10:
                return data, None
            self._wanted = ""
            self.done.append(wanted)
        half = len(data) // 2
        if wanted == "swap":
            return b"", data
        if wanted == "repeat":
            return data + data, None
        if wanted == "drop":
            return data[:half], None
        if wanted == "flip":
            return data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :], None
        passage.close()
        return b"", None

    def of(self, kind: str) -> list[Passage]:
        return [passage for passage in self.passages if passage.kind == kind]

    def everything(self) -> bytes:
        """All that has passed, a line between each two streams."""
        return b"\n".join(bytes(seen) for passage in self.passages for seen in passage.seen.values())

    def replay(self, data: bytes, seconds: float = 3) -> bytes:
        """Sends a recording to the same place once more, and returns what comes back."""
        answer = b""
        with self.host.socket() as out, contextlib.suppress(OSError):
            out.settimeout(seconds)
            out.connect(self.to)
            out.sendall(data)
            while part := out.recv(_CHUNK):
                answer += part
        return answer

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for passage in self.passages:
            passage.close()
