"""Our control point, as the commands that a person types; everything is read from their JSON."""

import json
import time

from ..latchkey import Program
from ..processes import LabError
from ..steps import expect


class OurControlPoint:
    """`latchkey upnp …` on one host."""

    def __init__(self, program: Program, *options: str):
        self.program, self.options = program, options

    def run(self, *words, check: bool = True, timeout: float = 20):
        return self.program.command("upnp", *words, *self.options, "--json", check=check, timeout=timeout)

    def values(self, *words, timeout: float = 20) -> list:
        return [json.loads(line) for line in self.run(*words, timeout=timeout).stdout.splitlines() if line.strip()]

    def search(self, target: str = "upnp:rootdevice", seconds: int = 3) -> dict[str, dict]:
        """What answered, by UDN."""
        return {found["udn"]: found for found in self.values("search", target, "--timeout", str(seconds))}

    def describe(self, device: str) -> str:
        """Reads the device and every SCPD of it, and says how much there was."""
        (tree,) = self.values("describe", device)
        services = list(_services(tree))
        unread = [f"{one['id']}: {one['error']}" for one in services if one.get("error")]
        expect(not unread, f"service descriptions not read: {'; '.join(unread)}")
        expect(services, f"{tree['name']} has no services")
        actions = sum(len(one["actions"]) for one in services)
        return f"{tree['name']}: {len(services)} services, {actions} actions"

    def invoke(self, device: str, service: str, action: str, **arguments) -> dict:
        words = [f"{name}={value}" for name, value in arguments.items()]
        (answer,) = self.values("invoke", device, service, action, *words)
        return answer["results"]

    def fault(self, code: int, device: str, service: str, action: str, **arguments) -> str:
        """The device refuses, and the command says with which error."""
        words = [f"{name}={value}" for name, value in arguments.items()]
        done = self.run("invoke", device, service, action, *words, check=False)
        said = done.stderr.strip()
        expect(done.returncode == 1 and f"UPnP error {code}" in said, f"not error {code}: {done.stdout}{said}"[:300])
        return said.rpartition("refused ")[2]

    def first_event(self, device: str, service: str) -> dict:
        (event,) = self.values("subscribe", device, service, "--count", "1")
        expect(event["seq"] == 0, f"the first event has the number {event['seq']}")
        return event["properties"]

    def subscribe(self, device: str, service: str, name: str, count: int):
        """A subscription that runs on, so that something can be done meanwhile."""
        return self.program.host.start(
            name, self.program.executable, "upnp", "subscribe", device, service, "--count", str(count),
            *self.options, "--json", log=self.program.logs / f"{name}.log",
        )  # fmt: skip


class ChangeLog:
    """`latchkey upnp watch` from its start on: what came, changed and went, in order."""

    def __init__(self, control: OurControlPoint, name: str):
        program = control.program
        self.process = program.host.start(
            name, program.executable, "upnp", "watch", *control.options, "--json", log=program.logs / f"{name}.log"
        )

    def all(self, udn: str = "") -> list[dict]:
        lines = [line for line in self.process.output().splitlines() if line.startswith("{")]
        changes = [json.loads(line) for line in lines if line.endswith("}")]
        return [change for change in changes if udn in ("", change["udn"])]

    def wait(self, udn: str, kind: str, after: int = 0, timeout: float = 15, where=lambda change: True) -> dict:
        """The first such change of the device, not counting its first `after` ones."""
        end = time.monotonic() + timeout
        while True:
            seen = self.all(udn)[after:]
            for change in seen:
                if change["change"] == kind and where(change):
                    return change
            if not self.process.alive:
                raise LabError(f"the watch ended: {self.process.output()[-300:]}")
            if time.monotonic() > end:
                said = ", ".join(change["change"] for change in seen) or "nothing"
                raise LabError(f"{udn} was not seen to have {kind} in {timeout:.0f} s, but: {said}")
            time.sleep(0.02)

    def count(self, udn: str) -> int:
        return len(self.all(udn))

    def stop(self) -> None:
        self.process.stop()


def _services(tree: dict):
    yield from tree["services"]
    for device in tree["devices"]:
        yield from _services(device)
