"""The home's own router stands behind another NAT: what it maps is reached by nobody."""

import json

from ..laboratory import Laboratory
from ..reach.lan import HOME_WAN
from ..steps import expect, step


@step("the home's router behind another NAT (private, and a provider's 100.64/10): clients are told no address outside, and doctor says why")
def reach_double_nat(lab: Laboratory):
    stage, said = lab.reach, []
    for inner in ("10.99.0", "100.64.7"):
        with stage.lan.double_nat(inner):
            stage.forget_what_worked()
            stage.router.start()
            with stage.served() as gateway:
                for name in ("PCP: ", "NAT-PMP: ", "UPnP IGD: "):
                    gateway.wait_for(f"{name}the router", timeout=20)
                words = ("doctor", "--state", stage.gateway.state)
                text = stage.gateway.command(*words).stdout
                report = json.loads(stage.gateway.command(*words, "--json").stdout)
                told = stage.codes_addresses()
            expect("has no public address itself: it stands behind another NAT" in report["findings"][0], f"{inner}: {text}")
            expect("bridge mode" in report["advice"][0], f"{inner}: {text}")
            expect(not any(attempt["works"] for attempt in report["attempts"]), f"{inner}: {text}")
            expect(told == ["192.168.77.10:48100"], f"{inner}: clients are told {told}")
            expect(not stage.connects(HOME_WAN, 48100), f"{inner}: the port can be reached from outside")
            reasons = "; ".join(f"{attempt['what']}: {attempt['result']}" for attempt in report["attempts"])
            said.append(f"outer address {inner}.2: {report['findings'][0]} ({reasons})")
    return "\n".join(said)
