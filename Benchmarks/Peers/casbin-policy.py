#!/usr/bin/env python3
"""The peer of policy-bench: PyCasbin (https://pypi.org/project/casbin/) deciding with as many rules.

    casbin-policy.py [RULES] [DECISIONS]

Casbin has no order of specificity and no limits on arguments; its rules here name client, device, action and effect
with its own deny-override, which is the nearest. It is interpreted Python, and the Go original is faster: the figure
says what a home gateway would pay for this engine, not what the idea costs. Prints `casbin RULES p50 p99 max` in ns.
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
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && keyMatch(r.dev, p.dev) && keyMatch(r.act, p.act)
"""


def main():
    rules = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    decisions = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    actions = ["SetVolume", "GetVolume", "SetMute", "Play", "Stop", "Seek", "Browse", "SetTarget"]
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as model:
        model.write(MODEL)
        model.flush()
        enforcer = casbin.Enforcer(model.name)
    for number in range(rules):
        device = f"d{number % 97}" if number % 10 < 7 else f"d{number % 97}*"
        action = "Get*" if number % 5 == 0 else actions[number % len(actions)]
        subject = f"g{number % 5}" if number % 10 == 0 else f"s{number % 30}"
        # 97, so that no rule is another's double, which Casbin would drop.
        enforcer.add_policy(subject, device, action, "deny" if number % 7 == 0 else "allow")
    for number in range(30):
        enforcer.add_grouping_policy(f"s{number}", f"g{number % 5}")
    times = []
    for number in range(decisions + decisions // 10):
        begin = time.perf_counter_ns()
        enforcer.enforce(f"s{number % 30}", f"d{number % 50}", actions[number % len(actions)])
        if number >= decisions // 10:
            times.append(time.perf_counter_ns() - begin)
    times.sort()
    print(f"casbin {len(enforcer.get_policy())} {times[len(times) // 2]} {times[len(times) * 99 // 100]} {times[-1]}")


main()
