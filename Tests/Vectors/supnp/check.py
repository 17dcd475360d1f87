#!/usr/bin/env python3
"""Derives and opens again, from docs/specs/supnp alone, everything in the vectors beside it.

    Tests/Vectors/supnp/check.py

Prints a line for each file. Ends with 1 and the first difference where one is found.
"""
import json
import sys
import unicodedata
from pathlib import Path

import supnp
import supnp_tree
from supnp import expand, extract, u16, u32, u64

HERE = Path(__file__).resolve().parent
checked = 0


class Differs(Exception):
    """What the vectors say is not what the document says."""


def same(what, vector, document):
    """Compares a value of the vectors with the one derived here; both hexadecimal, numbers, or lists."""
    global checked
    if isinstance(document, (bytes, bytearray)):
        document = document.hex()
    checked += 1
    if vector != document:
        raise Differs(f"{what}\n  vector:   {vector}\n  document: {document}")


def refused(what, read, *arguments):
    """Requires that the document's reader refuses."""
    global checked
    checked += 1
    try:
        read(*arguments)
    except Exception:
        return
    raise Differs(f"{what} is accepted here")


def raw(value):
    return bytes.fromhex(value)


def wire(vectors):
    for one in vectors["headers"]:
        header = supnp.Header(one["flag"], one["keyid"], one["nonce"], one["length"])
        same(one["name"], one["bytes"], header.bytes())
    for one in vectors["classified"]:
        kind = supnp.classify(raw(one["datagram"]))
        same(one["name"], one["class"], kind if isinstance(kind, str) else kind[0])
    for one in vectors["bodies"]:
        kind, tags = supnp.read_body(raw(one["bytes"]))
        same(one["name"], one["type"], kind)
        same(one["name"], one["tags"], [[tag, value.hex()] for tag, value in tags.items()])
        same(one["name"], one["bytes"], u16(kind) + supnp.write_tags(tags))
    for one in vectors["refusedBodies"]:
        refused(one["name"], supnp.read_body, raw(one["bytes"]))


def spake2plus(vectors):
    for one in vectors["runs"]:
        ids = (one["idProver"].encode(), one["idVerifier"].encode())
        context, w0, w1 = one["context"].encode(), int(one["w0"], 16), int(one["w1"], 16)
        record = supnp.times(w1, supnp.BASE)
        same("L", one["l"], supnp.write_point(record))
        share_p, device = supnp.prover(context, ids, w0, w1, int(one["x"], 16), raw(one["shareV"]))
        share_v, manager = supnp.verifier(context, ids, w0, record, int(one["y"], 16), share_p)
        same("shareP", one["shareP"], share_p)
        same("shareV", one["shareV"], share_v)
        for keys in (device, manager):
            same("confirmP", one["confirmP"], keys["confirmP"])
            same("confirmV", one["confirmV"], keys["confirmV"])
            same("K_shared", one["sharedKey"], keys["shared"])
    for one in vectors["codes"]:
        w0, w1 = supnp.stretch(one["kdf"], one["code"].encode(), raw(one["salt"]), one["deviceID"].encode(),
                               raw(one["groupID"]))
        same(f"{one['name']}: w0", one["w0"], w0.to_bytes(32, "big"))
        same(f"{one['name']}: w1", one["w1"], w1.to_bytes(32, "big"))
        same(f"{one['name']}: L", one["l"], supnp.write_point(supnp.times(w1, supnp.BASE)))


def registration(vectors):
    hardened(vectors["hardened"])
    classic(vectors["classic"])


def hardened(run):
    device, group = run["deviceID"].encode(), raw(run["groupID"])
    datagrams = [raw(datagram) for datagram in run["messages"]]
    read = [supnp.classify(datagram) for datagram in datagrams]
    same("messages in clear", ["clear"] * 6, [one[0] for one in read])
    bodies, messages = [one[2] for one in read], [supnp.read_body(one[2]) for one in read]
    same("types", [1, 2, 3, 9, 10, 4], [kind for kind, _ in messages])
    tags = [tags for _, tags in messages]
    same("DEVICE_ID", [run["deviceID"]] * 6, [one[1].decode() for one in tags])
    sequence = read[0][1].nonce
    same("sequence numbers", [sequence] * 6, [one[1].nonce for one in read])
    same("the request's size", True, len(datagrams[0]) >= 256 and len(datagrams[1]) <= len(datagrams[0]))
    # The cookie.
    h1, cookie, key = supnp.sha256(bodies[0]), tags[1][0x0E], raw(run["cookieKey"])
    same("the cookie's code", cookie[6:].hex(), supnp.hmac(key, raw(run["deviceAddress"]) + h1 + u16(sequence) + cookie[:6] + device)[:16])
    same("CTL_RANDOM", tags[1][0x0D].hex(), supnp.hmac(key, b"rnd" + cookie)[:16])
    same("the cookie comes back", cookie.hex(), tags[2][0x0E])
    same("H1", h1.hex(), tags[2][0x27])
    # SPAKE2+.
    same("the suite that is chosen", tags[0][3][0], tags[1][4][0])
    w0, w1 = supnp.stretch(tags[1][0x0F][0], run["code"].encode(), tags[1][5], device, group)
    transcript = supnp.sha256(b"supnp1 th" + u16(sequence) + h1 + supnp.sha256(bodies[1]))
    context, ids = b"SUPnP1-PAKE-P256" + transcript, (device, group)
    x, y = (int(run[name], 16) % supnp.ORDER for name in "xy")
    share_p, own = supnp.prover(context, ids, w0, w1, x, tags[3][0x12])
    share_v, other = supnp.verifier(context, ids, w0, supnp.times(w1, supnp.BASE), y, tags[2][0x11])
    same("SHARE_P", tags[2][0x11].hex(), share_p)
    same("SHARE_V", tags[3][0x12].hex(), share_v)
    same("CONFIRM_V", tags[3][0x14].hex(), own["confirmV"])
    same("CONFIRM_P", tags[4][0x13].hex(), other["confirmP"])
    # The keys.
    th2 = supnp.sha256(transcript + bodies[2] + bodies[3] + bodies[4])
    master = extract(th2, own["shared"])
    done = supnp.open_box(expand(master, "fin"), tags[5][0x0B], u16(4) + device + th2)
    same("REG_DONE", run["done"], done)
    member = supnp.read_tags(done)[0x17]
    same("MEMBER_ID", run["member"], int.from_bytes(member, "big"))
    for name in ("leaf", "relay", "refresh"):
        same(name, run[name], expand(master, name, member + u32(0)))


def classic(run):
    datagrams = [raw(datagram) for datagram in run["messages"]]
    read = [supnp.classify(datagram) for datagram in datagrams]
    messages = [supnp.read_body(one[2]) for one in read]
    same("types", [1, 2, 3, 4], [kind for kind, _ in messages])
    tags = [tags for _, tags in messages]
    s = supnp.sha256(tags[1][5] + unicodedata.normalize("NFC", run["password"]).encode())
    key = supnp.sha256(tags[3][7] + s)
    same("s", run["s"], s)
    same("R", tags[2][8].hex(), supnp.sha256(tags[1][6] + s))
    same("S-KEY", run["sKey"], key)
    sealed = tags[3][0x0B]
    done = supnp.open_box(key, sealed, datagrams[3][:12])
    same("REG_DONE", run["done"], done)
    inside = supnp.read_tags(done)
    same("the seal's IV", sealed[:12].hex(), b"\1\0" + inside[0x18] + u64(run["doneCounter"]))


def schedule(vectors):
    member = u32(vectors["member"])
    master = extract(raw(vectors["th2"]), raw(vectors["sharedKey"]))
    relay, refresh = member_secrets("", vectors, master, member + u32(vectors["generation"]))
    same("K_fin", vectors["finish"], expand(master, "fin"))
    for one in vectors["pair"]:
        same("pair", one["key"], supnp.pair_key(relay, one["controller"], raw(one["boot"]), one["direction"]))
    for one in vectors["epoch"]:
        secret = raw(one["secret"])
        same("gsnd", one["sender"], supnp.sender_key(secret, one["controller"], raw(one["boot"])))
        same("gconf", one["confirmation"], expand(secret, "gconf"))
    after = vectors["refreshed"]
    shared = supnp.x25519(raw(after["device"]), supnp.x25519_public(raw(after["manager"])))
    member_secrets("after a refresh: ", after, extract(refresh, shared), member + u32(vectors["generation"] + 1))


def member_secrets(when, vectors, master, context):
    relay, refresh = expand(master, "relay", context), expand(master, "refresh", context)
    same(f"{when}S-MASTER", vectors["master"], master)
    same(f"{when}LEAF", vectors["leaf"], expand(master, "leaf", context))
    same(f"{when}RELAY", vectors["relay"], relay)
    same(f"{when}RFR", vectors["refresh"], refresh)
    return relay, refresh


def channel(vectors):
    group, boot, controller = raw(vectors["groupID"]), raw(vectors["boot"]), 7
    same("forwarder", vectors["forwarderKey"], supnp.public(supnp.ed25519(raw(vectors["forwarderSeed"]))))
    for one in vectors["datagrams"]:
        name, datagram, key = one["name"], raw(one["datagram"]), raw(one["key"])
        opened = supnp.open_sealed(datagram, key)
        for field in ("suite", "epoch", "sender", "counter"):
            same(f"{name}: {field}", one[field], getattr(opened, field))
        if opened.key_type == 2:
            same(f"{name}: key", one["key"], supnp.sender_key(raw(vectors["epochSecret"]), controller, boot))
            same(name, one["payload"], supnp.proven(opened, group, raw(vectors["forwarderKey"])))
        else:
            direction = int(opened.sender == controller)
            same(f"{name}: key", one["key"], supnp.pair_key(raw(vectors["relay"]), controller, boot, direction))
            same(name, one["payload"], opened.plaintext)
        for bit in range(8 * len(datagram)):
            changed = bytearray(datagram)
            changed[bit // 8] ^= 1 << bit % 8
            refused(f"{name} with bit {bit} flipped", supnp.open_sealed, bytes(changed), key)
    for one in vectors["segmented"]:
        frames = [supnp.open_sealed(raw(datagram), raw(one["key"])).plaintext for datagram in one["datagrams"]]
        same(one["name"], one["message"], supnp.assemble(frames))
        same(one["name"], one["message"], supnp.assemble(frames[::-1]))


def certificate(vectors):
    group, root = raw(vectors["groupID"]), raw(vectors["rootKey"])
    same("root", vectors["rootKey"], supnp.public(supnp.ed25519(raw(vectors["rootSeed"]))))
    for one in vectors["certificates"]:
        read = supnp.read_certificate(raw(one["certificate"]), group, root)
        for field in ("controller", "roles", "notAfter", "serial"):
            same(f"{one['name']}: {field}", one[field], read[field])
        same(f"{one['name']}: public key", one["publicKey"], read["publicKey"])
    for one in vectors["refused"]:
        refused(one["name"], supnp.read_certificate, raw(one["certificate"]), group, root)


def tree(vectors):
    group, key = raw(vectors["groupID"]), supnp.ed25519(raw(vectors["signingSeed"]))
    for one in vectors["groups"]:
        history(one["batches"], group, key)


def history(batches, group, key):
    manager, members = supnp_tree.Tree(), {}
    for step in batches:
        name = step["name"]
        refreshed = {one["leaf"]: raw(one["secret"]) for one in step["refreshed"]}
        joining = [raw(secret) for secret in step["joined"]]
        batch, places = manager.batch(raw(step["salt"]), raw(step["rho"]), step["removed"], refreshed, joining)
        same(f"{name}: epoch", step["epoch"], batch.epoch)
        same(f"{name}: height", step["height"], batch.height)
        same(f"{name}: leaves of the joiners", step["joinedLeaves"], places)
        same(f"{name}: epoch secret", step["epochSecret"], batch.secret)
        secrets = {str(number): secret.hex() for number, secret in manager.secrets.items()}
        same(f"{name}: secrets", step.get("secrets", secrets), secrets)
        packets = supnp_tree.packets(batch, group, len(manager.leaves), step["signer"], key, step["urgent"])
        same(f"{name}: packets", step["packets"], [packet.hex() for packet in packets])
        for leaf in batch.removed:
            members.pop(leaf, None)
        for leaf, member in members.items():
            follow(name, leaf, member, [raw(packet) for packet in step["packets"]], group, supnp.public(key))
            same(f"{name}: leaf {leaf}", [one.hex() for one in manager.path(leaf)], [one.hex() for one in member.path])
            same(f"{name}: leaf {leaf}", step["epochSecret"], member.secret)
        for leaf in batch.added:
            members[leaf] = supnp_tree.Member(leaf, batch.height, batch.epoch, manager.path(leaf), batch.secret)


def follow(name, leaf, member, packets, group, key):
    """Each member needs exactly one packet."""
    before, applied = (member.epoch, list(member.path)), 0
    for packet in packets:
        if int.from_bytes(packet[24:28], "big") == leaf >> packet[17]:
            member.apply(packet, group, key)
            applied += 1
    same(f"{name}: packets for leaf {leaf}", 1, applied)
    changed = bytearray(packets[0])
    changed[40] ^= 1
    stale = supnp_tree.Member(leaf, len(before[1]) - 1, before[0], before[1], b"")
    refused(f"{name}: a packet with a bit flipped", stale.apply, bytes(changed), group, key)


def rekey0(vectors):
    members = {}
    for step in vectors["steps"]:
        name, read = step["name"], supnp_tree.read_rekey0(raw(step["body"]))
        same(f"{name}: op", step["op"], read["op"])
        same(f"{name}: leaf", step["leaf"], read["leaf"])
        members.pop(step["leaf"], None)
        for leaf, (path, _) in members.items():
            members[leaf] = supnp_tree.follow_rekey0(leaf, path, read)
        if "joiner" in step:
            members[step["leaf"]] = ([raw(key) for key in step["joiner"]["keys"]], raw(step["joiner"]["tek"]))
        same(f"{name}: members", [one["leaf"] for one in step["members"]], sorted(members))
        for one in step["members"]:
            path, tek = members[one["leaf"]]
            same(f"{name}: TEK id", one["tekID"], read["tekID"])
            same(f"{name}: path of leaf {one['leaf']}", one["keys"], [key.hex() for key in path])
            same(f"{name}: TEK of leaf {one['leaf']}", one["tek"], tek)


def payload(vectors):
    for one in vectors["payloads"]:
        read = supnp.read_payload(raw(one["bytes"]))
        for name in ("kind", "flags", "windowMs", "alias"):
            same(f"{one['name']}: {name}", one[name], read[name])
        same(f"{one['name']}: id", one["id"], f"{read['id']:016x}")
        same(f"{one['name']}: service", one["service"], read["service"].decode())
        same(f"{one['name']}: payload", one["payload"], read["payload"])
        same(one["name"], one["bytes"], supnp.write_payload(read))
    for one in vectors["refused"]:
        refused(one["name"], supnp.read_payload, raw(one["bytes"]))


def rekey_usr(vectors):
    kind, tags = supnp.read_body(raw(vectors["body"]))
    same("type", 0x12, kind)
    own, manager = (supnp.x25519_public(raw(vectors[name])) for name in ("memberPrivate", "managerPrivate"))
    same("X25519", tags[0x22].hex(), manager)
    shared = supnp.x25519(raw(vectors["memberPrivate"]), manager)
    key = expand(extract(raw(vectors["pairKey"]), shared), "usr")
    associated = u16(0x12) + u32(vectors["member"]) + own + manager
    plain = supnp.open_box(key, tags[0x0B], associated)
    same("plaintext", vectors["plaintext"], plain)
    inside = supnp.read_tags(plain)
    same("tags", [0x19, 0x1A, 0x1B, 0x1C, 0x1D], list(inside))
    same("the path's length", 32 * (inside[0x1A][0] + 1), len(inside[0x1B]))


def beacon(vectors):
    group, datagram = raw(vectors["groupID"]), raw(vectors["datagram"])
    kind, header, body = supnp.classify(datagram)
    same("class", "clear", kind)
    kind, tags = supnp.read_body(body)
    same("type", 0x13, kind)
    same("the last tag", 0x7E, list(tags)[-1])
    certificate = supnp.read_certificate(tags[0x16], group, raw(vectors["rootKey"]))
    same("role", 1, certificate["roles"] & 1)
    supnp.verify(certificate["publicKey"], tags[0x7E], b"supnp1 beacon" + group + datagram[:-68])
    same("keyid and nonce", [vectors["epoch"] & 0xFFFF, int(vectors["counter"], 16) & 0xFFFF],
         [header.keyid, header.nonce])
    key = expand(raw(vectors["epochSecret"]), "gconf")
    same("CONFIRMATION", tags[0x2E].hex(), supnp.hmac(key, b"beacon" + raw(vectors["counter"]))[:16])
    same("EPOCH", vectors["epoch"], int.from_bytes(tags[0x1C], "big"))
    same("MEMBER_COUNT", vectors["members"], int.from_bytes(tags[0x2D], "big"))
    same("GROUP_TIME", vectors["time"], int.from_bytes(tags[0x31], "big"))
    same("REVOKED", "".join(f"{serial:08x}" for serial in vectors["revoked"]), tags[0x30])
    same("BEACON_COUNTER", vectors["counter"], tags[0x2F])
    same("CONTROLLERS", vectors["controllers"], tags[0x20])


def controllers(vectors):
    for one in vectors["lists"]:
        read = supnp.read_controllers(raw(one["controllers"]), raw(one["boots"]))
        found = [{"id": c.id, "boot": c.boot.hex(), "weight": c.weight, "addresses": c.addresses} for c in read]
        same(one["name"], one["read"], found)
    for one in vectors["refused"]:
        refused(one["name"], supnp.read_controllers, raw(one["controllers"]), raw(one["boots"]))


def classic_channel(vectors):
    for one in vectors["sealed"]:
        opened = supnp.open_classic(raw(one["datagram"]), raw(one["key"]))
        for field in ("direction", "sender", "keyid"):
            same(f"{one['name']}: {field}", one[field], getattr(opened, field))
        same(one["name"], one["plaintext"], opened.plaintext)
        for bit in range(8 * len(raw(one["datagram"]))):
            changed = bytearray(raw(one["datagram"]))
            changed[bit // 8] ^= 1 << bit % 8
            refused(f"{one['name']} with bit {bit} flipped", supnp.open_classic, bytes(changed), raw(one["key"]))


CHAPTERS = {"wire": wire, "spake2plus": spake2plus, "registration": registration, "schedule": schedule, "channel": channel,
            "certificate": certificate, "payload": payload, "tree": tree, "rekey0": rekey0,
            "rekey-usr": rekey_usr, "beacon": beacon, "controllers": controllers, "classic": classic_channel}


def main():
    for name, check in CHAPTERS.items():
        before = checked
        try:
            check(json.loads((HERE / f"{name}.json").read_text()))
        except Differs as difference:
            print(f"{name}.json: {difference}")
            return 1
        print(f"{name}.json: {checked - before} values")
    return 0


if __name__ == "__main__":
    sys.exit(main())
