#!/usr/bin/env python3
"""The peer of policy-bench: PyCasbin (https://pypi.org/project/casbin/) deciding with as many rules of the shape `list`.

    casbin-policy.py [RULES] [DECISIONS]

Each rule names a client, a device, an action and an effect, as in `PolicyWorld.listed`, and an explicit denial wins, which
is the nearest that Casbin has to the most specific rule; limits on arguments, rooms, times and consent it does not have.
It is interpreted Python and looks at all rules: the figure says what a gateway would pay for this engine as it is
installed, not what a compiled one costs. Prints `casbin RULES p50 p99 max` in ns.
"""
import sys
import tempfile
import time

import casbin

MODEL = """
[request_definition]
r = sub, dev, act
[policy_definition]
p = sub, dev, act, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.sub == p.sub && r.dev == p.dev && keyMatch(r.act, p.act)
"""
ACTIONS = ["SetVolume", "GetVolume", "SetMute", "Play", "Stop", "Seek", "Browse", "SetTarget"]


def main():
    rules = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    decisions = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    clients = min(max(rules // 10, 5), 1000)
    devices = [f"uuid:2fac1234-31f8-11b4-a222-08002b34c{100 + number}" for number in range(60)]
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as model:
        model.write(MODEL)
        model.flush()
        enforcer = casbin.Enforcer(model.name)
    for number in range(rules):
        action = "*" if number % 5 == 0 else ACTIONS[number % len(ACTIONS)]
        effect = "deny" if number % 7 == 0 else "allow"
        enforcer.add_policy(f"client {number % clients}", devices[number // 7 % 60], action, effect)
    times = []
    for number in range(decisions + decisions // 10):
        asked = (f"client {number % clients}", devices[number // 7 % 60], ACTIONS[number // 3 % len(ACTIONS)])
        begin = time.perf_counter_ns()
        enforcer.enforce(*asked)
        if number >= decisions // 10:
            times.append(time.perf_counter_ns() - begin)
    times.sort()
    print(f"casbin {len(enforcer.get_policy())} {times[len(times) // 2]} {times[len(times) * 99 // 100]} {times[-1]}")


main()
