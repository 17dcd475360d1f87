"""The tables of a group on a network."""

import statistics

from .group_live import BY_ITSELF, FEW, IN_FLIGHT, MANY, Evictions, Fan, Registrations, percentile
from .peer_report import version


def fan_table(fans: list[Fan], rounds: int, seconds: float) -> str:
    peer = f"mosquitto {version('mosquitto')} with TLS 1.3"
    lines = [
        f"### One sender to 50 and 200 receivers, beside {peer}: "
        f"{rounds} rounds of {seconds:g} s, in turn, medians",
        "",
        "| way | receivers | bytes | messages/s | deliveries/s | deliveries per CPU-s | messages per CPU-s "
        "| p50 ms | p99 ms | one under way: p50 ms | p99 ms |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in fans:
        cells = [f"{one.median(key):,.0f}" for key in ("messages", "deliveries", "deliveries per cpu", "messages per cpu")]
        cells += [_milliseconds(one.median(key)) for key in ("p50", "p99", "alone p50", "alone p99")]
        lines.append(f"| {one.name} | {one.receivers} | {one.size:,} | " + " | ".join(cells) + " |")
    forwarders = [one for one in fans if one.name in BY_ITSELF.values()]
    lines += [
        "",
        "Latchkey's CPU is that of the whole controller, key manager included; its forwarder's thread alone takes "
        + ", ".join(
            f"{one.median('messages per forwarder cpu'):,.0f} messages per CPU second ({one.receivers}, {one.size:,} B"
            f"{', a signature each' if one.name == BY_ITSELF['each'] else ''})"
            for one in forwarders
        )
        + f". At mosquitto {IN_FLIGHT} messages are under way, a message being so until every receiver has it; at Latchkey {FEW} "
        "until one receiver has answered, on the cores where all the receivers check signatures; at its forwarder by itself "
        f"{MANY} until it has taken them, with the receivers' process stopped: there a delivery is a datagram in a socket. That "
        "forwarder stands still every other 40 ms, because clients on the same cores ask more slowly than it relays: so its CPU "
        "second is one of a busy forwarder, and its messages per second are not its most. Whoever is measured stands on the "
        "first core, and what the others receive is worked off on the last one, as on machines of their own.",
    ]
    lines += ["", "Ratios to mosquitto, deliveries per CPU second: " + ", ".join(_ratios(fans)) + "."]
    return "\n".join(lines)


def _ratios(fans: list[Fan]) -> list[str]:
    broker = {(one.receivers, one.size): one.median("deliveries per cpu") for one in fans if one.name == "mosquitto"}
    return [
        f"{one.name} to {one.receivers}, {one.size:,} B: {one.median('deliveries per cpu') / broker[one.receivers, one.size]:.2f}"
        for one in fans
        if one.name != "mosquitto" and one.median("deliveries per cpu") and (one.receivers, one.size) in broker
    ]


def registration_table(results: list[Registrations]) -> str:
    lines = [
        "### Registrations: servers from two processes, all at once (SPAKE2+, a place in the tree, durable before it is told)",
        "",
        "| members | seconds | registrations/s | CPU of the controller each | CPU of a member each |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.members:,} | {one.seconds:.1f} | {one.members / one.seconds:,.0f} | {one.controller_cpu * 1000:.1f} ms "
        f"| {one.members_cpu * 1000:.1f} ms |"
        for one in results
    ]
    return "\n".join(lines)


def eviction_table(results: list[Evictions]) -> str:
    lines = [
        "### From `latchkey group evict` to the new epoch: each of the hosts loses frames by itself",
        "",
        "| members that stay | hosts | frames lost | evictions | last member: p50 | p99 | most | any member: p50 | p99 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        share = 100 * one.lost / max(1, one.lost + one.passed)
        cells = [percentile(one.last, 0.5), percentile(one.last, 0.99), max(one.last)]
        cells += [statistics.median(one.each), percentile(one.each, 0.99)]
        lines.append(
            f"| {one.members:,} | {one.hosts} | {share:.1f} % | {len(one.last)} | "
            + " | ".join(f"{value * 1000:,.0f} ms" for value in cells)
            + " |"
        )
    return "\n".join(lines)


def crowd_table(crowds: list) -> str:
    lines = [
        "### One evicted from a crowd in two processes, nothing lost on purpose",
        "",
        "| members | registered in | half on the new epoch | the last | rekey datagrams, bytes | all datagrams, bytes |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {count:,} | {took:.1f} s | {one.median:.2f} s | {one.last:.2f} s | {one.rekeys:,}, {one.rekey_bytes:,} "
        f"| {one.packets:,}, {one.bytes:,} |"
        for count, took, one in crowds
    ]
    return "\n".join(lines)


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"
