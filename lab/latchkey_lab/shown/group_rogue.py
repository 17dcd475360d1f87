"""Others who pretend to be the controller."""

import collections

from ..groups import wire
from ..groups.rogue import Forger, RogueController, group_of
from ..groups.stage import BOARD, FAST
from ..laboratory import Laboratory
from ..processes import LabError
from ..steps import expect, step


@step("a rogue announces the group's service and answers registrations, another forges replies in the controller's name: all register with the true one, and nobody else learns anything")
def group_survives_rogues(lab: Laboratory):
    stage = lab.groups
    servers = list(stage.servers) if stage.members else []
    group = group_of(stage.gateway.group("status"))
    address, true = stage.lan.address("rogue"), stage.lan.address("gateway")
    names = [f"lamb-{number}" for number in range(6)]
    lambs = {name: stage.device(name, f"many-{1 + index % 2}", stage.gateway.enrol(name, "server")) for index, name in enumerate(names)}
    mac = bytes.fromhex("024c4b570042")
    with (
        RogueController(stage.host("rogue"), address, group) as rogue,
        Forger(stage.host("switch"), "lan", mac, true, [address, "192.168.57.201"], group) as forger,
    ):
        for lamb in lambs.values():
            lamb.start("--answer", "safe", "--family", "ipv4", FAST, offers=(BOARD,))
        for lamb in lambs.values():
            try:
                lamb.registered(90)
            except LabError as error:
                raise LabError(f"{error}; the rogue heard {collections.Counter(kind for kind, _ in rogue.heard)}, {forger.sent} forged") from None
        stage.converged(stage.epoch, [*servers, *lambs.values()])
        heard = collections.Counter(kind for kind, _ in rogue.heard)
        expect(heard["REG_REQUEST"], "no device tried the rogue: nothing was shown")
        beyond = set(heard) - {"REG_REQUEST", "REG_RESPONSE"}
        expect(not beyond, f"the rogue was sent {beyond}")
        for kind, datagram in rogue.heard:
            expect(set(wire.Datagram(datagram).tags) <= wire.TAGS[kind], f"a {kind} with more than the specification has")
        codes = [lamb.password.read_text().strip().replace("-", "").encode() for lamb in lambs.values()]
        sent = b"".join(datagram for _, datagram in rogue.heard)
        expect(not any(code in sent for code in codes), "a setup code reached the rogue")
        answers = stage.client_of("both").ask(BOARD, "who is safe")
        expect(sum(answer["payload"] == "safe" for answer in answers) == len(lambs), f"{len(answers)} answers")
        forged = forger.sent
    for lamb in lambs.values():
        lamb.stop()
    return (
        f"{len(lambs)} registered with the true one in the rogue's presence; it was sent {dict(heard)} and nothing else; "
        f"{forged} forged replies, verdicts and keys under three addresses, among them the controller's"
    )
