"""The key trees of docs/specs/supnp/key-tree.md: the manager's side, the members', the packets, and the paper's."""

import struct
from dataclasses import dataclass, field

from supnp import BROADCAST, CONTROL, SERVER, Header, classify, expand, hmac, open_box, require, sha256, u16, u32, verify

PACKET_LIMIT = 1200


def node(k, j):
    return j << k + 1 | (1 << k) - 1


def kdf(secret, label, epoch, number, salt):
    return hmac(secret, b"supnp1 n" + label.encode() + u32(epoch) + u32(number) + salt + b"\x01")


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


@dataclass
class Batch:
    """What a batch made: enough to write its packets."""
    epoch: int
    salt: bytes
    height: int
    old_height: int
    removed: list
    added: list
    existing: set
    records: dict
    touched: set
    joined: set
    secret: bytes


@dataclass
class Tree:
    """The manager's tree: secrets by node number, and which leaves are occupied."""
    height: int = 0
    epoch: int = 0
    secrets: dict = field(default_factory=dict)
    leaves: set = field(default_factory=set)

    def below(self, k, j, leaves):
        return any(leaf >> k == j for leaf in leaves)

    def batch(self, salt, rho, removed, refreshed, joining):
        """`refreshed` is {leaf: secret}, `joining` a list of leaf secrets; returns the Batch and the joiners' leaves."""
        self.epoch += 1
        epoch, before = self.epoch, set(self.leaves)
        gone = sorted(set(removed) | set(refreshed))
        existing = before - set(gone)
        for leaf in gone:
            del self.secrets[node(0, leaf)]
        self.leaves = set(existing)
        free, added, places = sorted(removed), dict(refreshed), []
        for secret in joining:
            leaf = free.pop(0) if free else next(
                leaf for leaf in range(1 << 31) if leaf not in self.leaves and leaf not in added)
            added[leaf] = secret
            places.append(leaf)
        for leaf, secret in added.items():
            self.leaves.add(leaf)
            self.secrets[node(0, leaf)] = secret
        self.old_height = self.height
        self.resize()
        touched = {(k, leaf >> k) for leaf in gone if leaf < 1 << self.height for k in range(1, self.height + 1)}
        joined = {(k, leaf >> k) for leaf in added for k in range(1, self.height + 1)} - touched
        records, used = {}, set()
        for k, j in sorted(touched | joined):
            self.renew(k, j, (k, j) in touched, existing, epoch, salt, rho, records, used)
        root = node(self.height, 0)
        secret = kdf(self.secrets[root] if self.leaves else rho, "e", epoch, root, salt)
        for number in used | ({root} if self.leaves else set()):
            self.secrets[number] = kdf(self.secrets[number], "n", epoch, number, salt)
        return Batch(epoch, salt, self.height, self.old_height, gone, sorted(added), existing, records,
                     touched, joined, secret), places

    def resize(self):
        greatest = max(self.leaves, default=0)
        while greatest >= 1 << self.height:
            self.height += 1
        while self.height > 0 and greatest * 4 < 1 << self.height:
            self.height -= 1
        if self.height < self.old_height:
            last = (1 << self.height + 1) - 2
            self.secrets = {number: secret for number, secret in self.secrets.items() if number <= last}

    def renew(self, k, j, touched, existing, epoch, salt, rho, records, used):
        number = node(k, j)
        children = [(k - 1, 2 * j), (k - 1, 2 * j + 1)]
        staying = [node(*child) for child in children if self.below(*child, existing)]
        if not self.below(k, j, self.leaves):
            self.secrets.pop(number, None)
        elif touched and staying:
            fresh = kdf(self.secrets[staying[0]], "u", epoch, number, salt)
            for child in staying[1:]:
                records[child] = xor(fresh, kdf(self.secrets[child], "w", epoch, number, salt))
            self.secrets[number] = fresh
            used.update(staying)
        elif touched:
            self.secrets[number] = kdf(rho, "f", epoch, number, salt)
        elif k > self.old_height and self.below(*children[0], existing):
            self.secrets[number] = kdf(self.secrets[node(*children[0])], "u", epoch, number, salt)
            used.add(node(*children[0]))
        elif number in self.secrets:
            self.secrets[number] = kdf(self.secrets[number], "j", epoch, number, salt)
        else:
            self.secrets[number] = kdf(rho, "f", epoch, number, salt)

    def path(self, leaf):
        return [self.secrets[node(k, leaf >> k)] for k in range(self.height + 1)]


def confirmation(batch, group, members):
    key = expand(batch.secret, "gconf")
    told = group + u32(batch.epoch) + bytes([batch.height]) + batch.salt + u32(members)
    return hmac(key, sha256(told))[:16]


def packet_body(batch, q, j, group, members, index, count, signer, flags):
    inside = lambda leaves: [leaf for leaf in leaves if leaf >> q == j]
    removed = [leaf for leaf in inside(batch.removed) if leaf < 1 << batch.height]
    added = inside(batch.added)
    mask = lambda nodes: sum(1 << k for k in range(q + 1, batch.height + 1) if (k, j >> k - q) in nodes)
    # Records under the subtree, and those of the nodes on the way from it to the root.
    way = {node(k, j >> k - q) for k in range(q, batch.height)}
    low, high = node(0, j << q), node(0, (j << q) + (1 << q) - 1)
    records = [(number, sealed) for number, sealed in sorted(batch.records.items())
               if number in way or low <= number <= high]
    return (u16(0x10) + bytes([1, flags, batch.height, q]) + group[:2] + u32(batch.epoch) + u32(j) + u16(index)
            + u16(count) + batch.salt + u32(mask(batch.touched)) + u32(mask(batch.joined)) + u32(members)
            + u16(len(removed)) + u16(len(added)) + u16(len(records)) + u16(signer)
            + b"".join(u32(leaf) for leaf in removed) + b"".join(u32(leaf) for leaf in added)
            + b"".join(u32(number) + sealed for number, sealed in records))


def packets(batch, group, members, signer, key, urgent=False):
    """key-tree.md section 5: the signed packets of a batch."""
    found = []
    flags = int(urgent) | 2 * (batch.height > batch.old_height) | 4 * (batch.height < batch.old_height)

    def visit(q, j):
        if not any(leaf >> q == j for leaf in batch.existing):
            return
        size = 12 + 80 + len(packet_body(batch, q, j, group, members, 0, 0, signer, flags))
        if size <= PACKET_LIMIT or q == 0:
            found.append((q, j))
        else:
            visit(q - 1, 2 * j)
            visit(q - 1, 2 * j + 1)

    visit(batch.height, 0)
    out = []
    for index, (q, j) in enumerate(found):
        body = packet_body(batch, q, j, group, members, index, len(found), signer, flags)
        body += confirmation(batch, group, members)
        header = Header(CONTROL | BROADCAST | SERVER | 0x11, batch.epoch & 0xFFFF, index, 12 + len(body) + 64).bytes()
        out.append(header + body + key.sign(b"supnp1 rekey" + group + header + body))
    return out


@dataclass
class Member:
    leaf: int
    height: int
    epoch: int
    path: list
    secret: bytes

    def apply(self, packet, group, key):
        """key-tree.md section 4. Raises Refused, and changes nothing then."""
        kind, header, body = classify(packet)
        require(kind == "clear" and header.flag == 0xB011 and len(body) >= 56 + 80, "not a rekey packet")
        verify(key, packet[-64:], b"supnp1 rekey" + group + packet[:-64])
        (_, _, flags, h, q, hint, e, j, _, _, salt, mask_r, mask_a, members, n_r, n_a, n_records, _) = struct.unpack(
            ">HBBBB2sIIHH16sIIIHHHH", body[:56])
        require(len(body) == 56 + 4 * (n_r + n_a) + 36 * n_records + 80, "the length is wrong")
        require(hint == group[:2] and e == self.epoch + 1 and self.leaf >> q == j, "not for this member")
        require(bool(flags & 2) == (h > self.height) and bool(flags & 4) == (h < self.height), "the flags differ")
        numbers = struct.unpack(f">{n_r + n_a}I", body[56:56 + 4 * (n_r + n_a)])
        removed, added = numbers[:n_r], numbers[n_r:]
        at, records = 56 + 4 * (n_r + n_a), {}
        for _ in range(n_records):
            records[struct.unpack(">I", body[at:at + 4])[0]] = body[at + 4:at + 36]
            at += 36
        require(self.leaf not in numbers, "this member is served by unicast")
        path, used = list(self.path), set()
        for k in range(1, h + 1):
            v, c = node(k, self.leaf >> k), node(k - 1, self.leaf >> k - 1)
            inside = lambda leaves: any(leaf >> k == self.leaf >> k for leaf in leaves)
            touched = inside(removed) if k <= q else mask_r >> k & 1
            joined = not touched and (inside(added) if k <= q else mask_a >> k & 1)
            if k >= len(path):
                path.append(None)
            if touched and c in records:
                path[k] = xor(records[c], kdf(path[k - 1], "w", e, v, salt))
                used.add(k - 1)
            elif touched or joined and k > self.height:
                path[k] = kdf(path[k - 1], "u", e, v, salt)
                used.add(k - 1)
            elif joined:
                path[k] = kdf(path[k], "j", e, v, salt)
            require(path[k] is not None, "a node's secret is missing")
        path = path[:h + 1]
        secret = kdf(path[h], "e", e, node(h, 0), salt)
        confirm = hmac(expand(secret, "gconf"), sha256(group + u32(e) + bytes([h]) + salt + u32(members)))[:16]
        require(confirm == body[at:at + 16], "the confirmation differs")
        for k in used | {h}:
            path[k] = kdf(path[k], "n", e, node(k, self.leaf >> k), salt)
        self.height, self.epoch, self.path, self.secret = h, e, path, secret


# key-tree.md section 9

def read_rekey0(body):
    kind, h, op, tek, leaf, count = struct.unpack(">HBBHIH", body[:12])
    require(kind == 0x10 and 1 <= h <= 24 and op in (1, 2) and tek > 0 and leaf < 1 << h, "not a REKEY0")
    items, at = [], 12
    for _ in range(count):
        kek, m = struct.unpack(">IB", body[at:at + 5])
        end = at + 5 + 36 * m + 28
        require(m > 0 and end <= len(body), "an item is cut off")
        numbers = struct.unpack(f">{m}I", body[at + 5:at + 5 + 4 * m])
        associated = body[2:10] + body[at:at + 5 + 4 * m]
        items.append((kek, numbers, body[at + 5 + 4 * m:end], associated))
        at = end
    require(at == len(body) and items and items[-1][0] == node(h, 0) and items[-1][1] == (0xFFFFFFFF,), "no TEK")
    return {"height": h, "op": op, "tekID": tek, "leaf": leaf, "items": items}


def follow_rekey0(leaf, path, read):
    """The path and the TEK of a member on another leaf than the one that changed."""
    keys = {node(k, leaf >> k): key for k, key in enumerate(path)}
    for kek, numbers, sealed, associated in read["items"]:
        if kek in keys and kek != node(read["height"], 0) or numbers == (0xFFFFFFFF,):
            plain = open_box(keys[kek], sealed, associated)
            keys.update({number: plain[32 * i:32 * i + 32] for i, number in enumerate(numbers)})
    return [keys[node(k, leaf >> k)] for k in range(read["height"] + 1)], keys[0xFFFFFFFF]
