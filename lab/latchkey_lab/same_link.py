"""The stage of two homes that have the same private network, as most have.

    gateway .10, near .20, bystander .77 ── home-gw 198.51.100.2 ─┐        ┌─ away-gw 192.0.2.2 ── far .77, bystander .10
                 192.168.1.0/24                                   ├─ core ─┤         192.168.1.0/24
                                         srv 203.0.113.10, .11 ───┘ (drops private addresses)
"""

import re

from .latchkey import Client, Gateway
from .namespaces import Namespace, Stage, wire
from .processes import Process
from .traversal import OTHER, SERVER, internet, site_rules

LAN = "192.168.1"
#: Nobody is there: no client reaches the gateway by an address.
NOWHERE = "198.18.0.77:4433"
_SITES = {
    "home-gw": ("198.51.100", {"gateway": 10, "near": 20, "home-other": 77}),
    "away-gw": ("192.0.2", {"far": 77, "away-other": 10}),
}


class SameLinkStage(Stage):
    """Built at entry, removed at exit."""

    def __init__(self, lab, home: str = "port-restricted", away: str = "port-restricted"):
        self._kinds = {"home-gw": home, "away-gw": away}
        self.binaries, self.logs, self.work = lab.binaries, lab.logs, lab.work / "same-link"
        self.work.mkdir(exist_ok=True)
        self.prefix = f"{lab.network.prefix}l-"
        self.host: dict[str, Namespace] = {}
        self.address: dict[str, str] = {}
        self.processes: list[Process] = []
        self.programs: list = []

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.stop()
        for process in reversed(self.processes):
            process.kill()
        for namespace in reversed(list(self.host.values())):
            namespace.remove()

    def _namespace(self, name: str) -> Namespace:
        self.host[name] = Namespace(self.prefix, name)
        return self.host[name]

    def _build(self) -> None:
        core = self._namespace("core")
        core.sysctl("net.ipv4.ip_forward", 1)
        for router_name, (wan, hosts) in _SITES.items():
            router = self._namespace(router_name)
            router.ip("link", "add", "br-lan", "type", "bridge")
            router.ip("link", "set", "br-lan", "up")
            router.ip("address", "add", f"{LAN}.1/24", "dev", "br-lan")
            wire(core, router_name, router, "wan")
            core.ip("address", "add", f"{wan}.1/24", "dev", router_name)
            router.ip("address", "add", f"{wan}.2/24", "dev", "wan")
            router.ip("route", "add", "default", "via", f"{wan}.1")
            router.sysctl("net.ipv4.ip_forward", 1)
            router.nft(site_rules(self._kinds[router_name]))
            for name, number in hosts.items():
                host, self.address[name] = self._namespace(name), f"{LAN}.{number}"
                wire(host, "eth0", router, f"p-{name}")
                router.ip("link", "set", f"p-{name}", "master", "br-lan")
                host.ip("address", "add", f"{LAN}.{number}/24", "broadcast", f"{LAN}.255", "dev", "eth0")
                host.ip("route", "add", "default", "via", f"{LAN}.1")
        server = self._namespace("srv")
        internet(core, server)

    # Processes.

    def _serve(self, name: str, *command) -> Process:
        process = self.host["srv"].start(name, *command, log=self.logs / f"same-link-{name}.log")
        self.processes.append(process)
        return process

    def start_home(self) -> None:
        self._serve(
            "stun", "turnserver", "-n", "--listening-ip", SERVER, "--listening-ip", OTHER, "--no-auth", "--no-tls",
            "--no-dtls", "--no-cli", "--log-file", "stdout", "--pidfile", self.work / "stun.pid", "--userdb",
            self.work / "stun.db",
        )  # fmt: skip
        relay = self._serve(
            "relay", self.binaries / "latchkey-relay", "run", "--listen", f"{SERVER}:443", "--state",
            self.work / "relay",
        )  # fmt: skip
        relay.wait_for("ready")
        pin = re.search(r"pin is (\S+)", relay.output()).group(1)
        self.gateway = Gateway(
            self.binaries, self.host["gateway"], self.address["gateway"], self.work / "gateway", self.logs
        )
        self.gateway.start(
            "--relay", f"{pin}@{SERVER}", "--stun", SERVER, "--mapping", "off", address=NOWHERE)  # fmt: skip
        self.programs.append(self.gateway)
        self.gateway.process.wait_for("clients can also come through the relay")

    def client(self, place: str) -> Client:
        """A client that was paired and runs, on one of the hosts."""
        client = Client(
            place, self.binaries, self.host[place], self.address[place], self.work / f"client-{place}", self.logs
        )
        client.pair(self.gateway.pair(place, "--preset", "full")["code"])
        client.start("--stun", SERVER)
        self.programs.append(client)
        return client
