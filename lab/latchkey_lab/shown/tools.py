"""The control point's own commands, at home and away."""

from ..laboratory import Laboratory
from ..latchkey import Program
from ..steps import expect, step


def _tools(lab: Laboratory, program: Program, location: str, renderer: str) -> str:
    """search, describe, invoke and subscribe from one host; returns what invoke printed."""
    common = ("--interface", "eth0", "--json")
    found = program.command("upnp", "search", *common).stdout
    expect(lab.server_udn in found, f"search does not find {lab.server_udn}: {found[:200]!r}")
    described = program.command("upnp", "describe", location, *common).stdout
    expect("ContentDirectory" in described and "Browse" in described, f"describe: {described[:200]!r}")
    browsed = program.command(
        "upnp", "invoke", lab.server_udn, "ContentDirectory", "Browse", "ObjectID=64",
        "BrowseFlag=BrowseDirectChildren", "Filter=*", "StartingIndex=0", "RequestedCount=10", "SortCriteria=", *common,
    ).stdout  # fmt: skip
    expect("Clip" in browsed and "TotalMatches" in browsed, f"Browse: {browsed[:200]!r}")
    bad = program.command("upnp", "invoke", location, "ContentDirectory", "Browse", "ObjectID=64", *common, check=False)
    expect(bad.returncode in (1, 2) and bad.stderr.strip(), "a call without its arguments gave no error")
    # minidlna accepts subscriptions and never sends a first event, so the renderer shows this one.
    event = program.command("upnp", "subscribe", renderer, "RenderingControl", "--count", "1", *common, timeout=15).stdout
    expect("LastChange" in event, f"subscribe: {event[:200]!r}")
    return bad.stderr.strip().splitlines()[-1]


@step("latchkey upnp search, describe, invoke and subscribe work at home")
def tools_at_home(lab: Laboratory):
    lab.furnish()
    program = Program(lab.binaries, lab.host("home-e"), lab.address("home-e"), lab.work / "tools", lab.logs)
    said = _tools(lab, program, lab.server.location, lab.renderer.location)
    demo = program.command("upnp", "search", "--interface", "eth0", "--json").stdout
    kinds = [word for word in ("DimmableLight", "DigitalSecurityCamera", "Lock", "Thermostat") if word in demo]
    expect(len(kinds) == 4, f"of the demonstration devices, only {kinds} were found")
    return f"media server, renderer and {', '.join(kinds)}; arguments missing: {said[:120]}"


@step("latchkey upnp search, describe, invoke and subscribe work away, through the mirror")
def tools_away(lab: Laboratory):
    said = _tools(lab, lab.laptop, lab.mirror(lab.server_udn), lab.mirror(lab.renderer.udn))
    return f"the same four; arguments missing: {said[:120]}"
