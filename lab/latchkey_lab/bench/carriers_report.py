"""The table of the carriers, and how they stand to their aims."""

from .carriers import CEILING, PUNCHED, QUIC, RELAYED, RELAYED_STUNNEL, TLS
from .packet_tunnels import OPENVPN, WIREGUARD
from .peer_report import version
from .throughput import GIB, Throughput

_PACKAGES = (
    ("stunnel", "stunnel4"), ("HAProxy", "haproxy"), ("OpenVPN", "openvpn"), ("wireguard-go", "wireguard-go"), ("iperf3", "iperf3"),
)  # fmt: skip


def table(results: list[Throughput], size: int) -> str:
    direct = _named(results, "direct")
    peers = ", ".join(f"{name} {version(package)}" for name, package in _PACKAGES)
    lines = [
        f"### Carriers: {size / GIB:g} GiB from minidlna to curl, {len(direct.speed)} rounds, the ways in turn; {peers}",
        "",
        "| way | MB/s median (best) | of direct | CPU-s per GiB: gateway's end | client's end | both ends | relay | minidlna and curl "
        "| the whole machine |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        own = one.cpu_median("server end"), one.cpu_median("client end")
        cells = [f"{value:.2f}" if "server end" in one.cpu else "–" for value in (*own, sum(own))]
        cells.append(f"{one.cpu_median('relay'):.2f}" if "relay" in one.cpu else "–")
        cells += [f"{one.cpu_median('origin', 'curl'):.2f}", f"{one.cpu_median('machine'):.2f}"]
        speed = f"{one.median():.0f} ({one.best():.0f})"
        lines.append(f"| {one.name} | {speed} | {one.median() / direct.median():.2f} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "CPU is of processes: what the kernel does for packets outside of them (routers, bridges, most of UDP's way) stands only in "
        f"the last column, which has everything else that the machine did in that time too. At {CEILING.split(',')[0]} the two ends are in the "
        "column of minidlna and curl. OpenVPN: UDP, AES-256-GCM, TLS 1.3, in user space. Wires are veth pairs with an MTU of 1,500 that "
        "let TCP's segments of 64 KiB pass whole, as QUIC's with UDP_SEGMENT; these packet tunnels have a system call and a cipher for "
        "each packet.",
        "",
        *_ratios(results),
    ]
    return "\n".join(lines)


def _named(results: list[Throughput], name: str) -> Throughput | None:
    return next((one for one in results if one.name == name), None)


def _ratios(results: list[Throughput]) -> list[str]:
    others = [one for name in ("stunnel", "HAProxy", OPENVPN, WIREGUARD) if (one := _named(results, name))]
    lines = ["| ratios of medians: speed, CPU of both ends | " + " | ".join(one.name for one in others) + " |"]
    lines.append("|---" * (len(others) + 1) + "|")
    for name in (TLS, QUIC, PUNCHED):
        ours = _named(results, name)
        cells = (
            f"{ours.median() / one.median():.2f} ×, {_both(ours) / _both(one):.2f} ×" for one in others
        )  # fmt: skip
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    ours, theirs = _named(results, RELAYED), _named(results, RELAYED_STUNNEL)
    relays = ours.cpu_median("relay") / theirs.cpu_median("relay")
    return [*lines, "", f"CPU per GiB of latchkey-relay, {relays:.2f} of HAProxy's in the same place."]


def _both(one: Throughput) -> float:
    return one.cpu_median("server end", "client end")
