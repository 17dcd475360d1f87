"""`make lab-shell`: a prompt on the away LAN, with the home and the tunnel up."""

import os
import signal
import subprocess

from .laboratory import Laboratory
from .latchkey import TUNNEL_ADDRESS

_TEXT = """
You are on away-a ({away}), a laptop away from home, in a network namespace.
The gateway is home-a, its tunnel {tunnel}. The client announces the home's devices to this host.

  gssdp-discover -i eth0 --timeout=3             the devices, as any program finds them
  curl {server}
  upnp-client call-action {server} CD/Browse ObjectID=0 BrowseFlag=BrowseDirectChildren \\
      Filter='*' StartingIndex=0 RequestedCount=10 SortCriteria=
  latchkey upnp search --interface eth0
  latchkey gateway sessions --state {gateway_state}
  on HOST COMMAND…        run something on another host: {hosts}

Logs: {logs}. `exit` removes everything.
"""


def prompt(lab: Laboratory) -> int:
    """Starts everything, opens the prompt, and returns its exit code."""
    server = lab.mirror(lab.server_udn)
    lab.mirror(lab.renderer.udn)
    text = _TEXT.format(
        away=lab.laptop.address, tunnel=TUNNEL_ADDRESS, server=server, gateway_state=lab.gateway.state, logs=lab.logs,
        hosts=", ".join(sorted(lab.network.host)),
    )  # fmt: skip
    start = lab.work / "bashrc"
    start.write_text(
        f"PS1='lab away-a \\w \\$ '\nexport PATH={lab.binaries}:{os.path.dirname(__file__)}/../.venv/bin:$PATH\n"
        f'on() {{ local host=$1; shift; ip netns exec {lab.network.prefix}"$host" "$@"; }}\n'
        f"cat <<'EOF'\n{text}\nEOF\n"
    )
    # The shell has the terminal; Ctrl-C is for what runs in it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call([*lab.laptop.host.enter, "bash", "--rcfile", str(start), "-i"])
