"""SUPnP's bytes, written from docs/specs/supnp and from nothing else: the standard library and python3-cryptography.

Only what vectors need: no sockets, no timers, no defence against whoever measures times.
"""
import hashlib
import hmac as hmac_module
import ipaddress
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAGIC = 0x5EC1
CONTROL, ENCRYPTED, SERVER, BROADCAST = 0x8000, 0x4000, 0x2000, 0x1000
RESPONSE, FORWARDER, GROUP, EXTENDED = 0x0800, 0x0400, 0x0200, 0x0100
# Types that may be in clear, with their flags: wire.md section 3.
CLEAR_FLAGS = {1: (0x80, 0x94), 3: (0x80,), 10: (0x80,), 2: (0x88,), 4: (0x88,), 5: (0x88,), 9: (0x88,), 0x10: (0xB0,),
               0x13: (0xB0,)}
TYPES = set(CLEAR_FLAGS) | {6, 7, 8, 0x11, 0x12, 0x20, 0x21, 0x22, 0x23, 0x24, 0x30, 0x31, 0x32, 0x33, 0x40}
# Sizes of values, wire.md section 4: a number, the least and the most, or multiples of one.
SIZES = {1: (1, 64), 2: 1, 3: (1, 16), 4: 1, 5: 16, 6: 16, 7: 32, 8: 32, 9: 2, 11: (28, 65_535), 12: 16, 13: 16, 14: (1, 64),
         15: 1, 16: 16, 17: 65, 18: 65, 19: 32, 20: 32, 21: 32, 22: [114], 23: 4, 24: 2, 25: 4, 26: 1, 27: [32], 28: 4,
         29: 32, 30: 34, 31: [36], 33: 4, 34: 32, 35: 2, 36: 4, 37: [20], 39: 32, 41: 4, 44: 4, 45: 4, 46: 16, 47: 8, 48: [4], 49: 8,
         50: 8, 126: 64, 0x8032: 8}


class Refused(Exception):
    """The bytes are not what the document allows."""


def require(holds, why):
    if not holds:
        raise Refused(why)


def u16(value):
    return struct.pack(">H", value)


def u32(value):
    return struct.pack(">I", value)


def u64(value):
    return struct.pack(">Q", value)


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac(key, data):
    return hmac_module.new(key, data, hashlib.sha256).digest()


def extract(salt, material):
    return hmac(salt, material)


def expand(key, name, context=b""):
    return hmac(key, b"supnp1 " + name.encode() + b"\0" + context + b"\x01")


def hkdf(material, info, length):
    """HKDF without a salt, for SPAKE2+."""
    key, block, out = hmac(bytes(32), material), b"", b""
    for count in range(1, 256):
        if len(out) >= length:
            break
        block = hmac(key, block + info + bytes([count]))
        out += block
    return out[:length]


# wire.md section 2

def checksum(header):
    total = sum(struct.unpack(">6H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass
class Header:
    flag: int
    keyid: int
    nonce: int
    length: int

    @property
    def suite(self):
        return self.flag >> 4 & 15

    def bytes(self):
        head = struct.pack(">6H", MAGIC, self.flag, self.keyid, self.nonce, self.length, 0)
        return head[:10] + u16(checksum(head))


def classify(datagram):
    """wire.md section 3: "plain", "refused", ("clear", header, body) or ("sealed", header, rest)."""
    if len(datagram) < 12:
        return "plain"
    magic, flag, keyid, nonce, length, _ = struct.unpack(">6H", datagram[:12])
    header, body = Header(flag, keyid, nonce, length), datagram[12:]
    if magic != MAGIC or flag & 15 != 1 or length != len(datagram) or header.bytes() != datagram[:12]:
        return "plain"
    if header.suite > 2:
        return "refused"
    if not flag & ENCRYPTED:
        kind = struct.unpack(">H", body[:2])[0] if len(body) >= 2 else None
        return ("clear", header, body) if flag >> 8 in CLEAR_FLAGS.get(kind, ()) else "refused"
    if header.suite == 0:
        good = not flag & EXTENDED and len(body) >= 12 + 16
    else:
        good = flag & EXTENDED and len(body) >= 20 + 16
    return ("sealed", header, body) if good else "refused"


# wire.md section 4

def read_tags(data):
    tags, last, at = {}, -1, 0
    while at < len(data):
        require(len(data) - at >= 4, "a tag is cut off")
        tag, length = struct.unpack(">HH", data[at:at + 4])
        require(tag > last, "tags do not ascend")
        require(len(data) - at - 4 >= length, "a value is cut off")
        tags[tag] = data[at + 4:at + 4 + length]
        last, at = tag, at + 4 + length
    return tags


def check_value(tag, value):
    size = SIZES.get(tag)
    if size is None:
        require(not tag & 0x8000, "an unknown critical tag")
    elif isinstance(size, int):
        require(len(value) == size, "a value of the wrong size")
    elif isinstance(size, list):
        require(value and len(value) % size[0] == 0, "a value of the wrong size")
    else:
        require(size[0] <= len(value) <= size[1], "a value of the wrong size")


def write_tags(tags):
    return b"".join(u16(tag) + u16(len(value)) + value for tag, value in sorted(tags.items()))


def read_body(body):
    require(len(body) >= 2, "no type")
    kind, tags = struct.unpack(">H", body[:2])[0], read_tags(body[2:])
    require(kind in TYPES and kind != 0x10, "no type of a body with tags")
    for tag, value in tags.items():
        check_value(tag, value)
    return kind, tags


# wire.md section 5

@dataclass
class Controller:
    id: int
    boot: bytes
    weight: int
    addresses: list


def read_endpoint(data):
    require(data and data[0] in (4, 6), "no family of addresses")
    size = 4 if data[0] == 4 else 16
    require(len(data) >= 1 + size + 2, "an address is cut off")
    address, port = ipaddress.ip_address(data[1:1 + size]), int.from_bytes(data[1 + size:3 + size], "big")
    text = f"{address}:{port}" if size == 4 else f"[{address}]:{port}"
    return text, data[3 + size:]


def read_controllers(data, boots):
    controllers, entries = [], 0
    while data:
        require(len(data) >= 4, "an id is cut off")
        number = int.from_bytes(data[:4], "big")
        require(0 < number < 2**16, "no controller's id")
        address, data = read_endpoint(data[4:])
        require(data, "no weight")
        weight, data, entries = data[0], data[1:], entries + 1
        if controllers and controllers[-1].id == number:
            last = controllers[-1]
            require(last.weight == weight, "two weights")
            require(address not in last.addresses, "an address twice")
            last.addresses.append(address)
            require(len(last.addresses) <= 8, "too many addresses")
        else:
            require(all(one.id != number for one in controllers), "a controller twice")
            require(len(boots) >= 20 and boots[:4] == u32(number), "boots of other controllers")
            controllers.append(Controller(number, boots[4:20], weight, [address]))
            boots = boots[20:]
        require(len(controllers) <= 16 and entries <= 32, "too many entries")
    require(not boots, "a boot too many")
    return controllers


# registration.md section 3: P-256 by hand, as python3-cryptography adds no points.

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def read_point(data):
    if len(data) == 33 and data[0] in (2, 3):
        x = int.from_bytes(data[1:], "big")
        square = (x**3 - 3 * x + B) % P
        y = pow(square, (P + 1) // 4, P)
        require(x < P and y * y % P == square, "the point is not on the curve")
        return (x, y if y & 1 == data[0] & 1 else P - y)
    require(len(data) == 65 and data[0] == 4, "not an uncompressed point")
    x, y = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
    require(x < P and y < P and (y * y - x**3 + 3 * x - B) % P == 0, "the point is not on the curve")
    return (x, y)


def write_point(point):
    require(point is not None, "the point is at infinity")
    return b"\4" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def add(left, right):
    if left is None or right is None:
        return left or right
    if left[0] == right[0]:
        if (left[1] + right[1]) % P == 0:
            return None
        slope = (3 * left[0] ** 2 - 3) * pow(2 * left[1], -1, P) % P
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, P) % P
    x = (slope * slope - left[0] - right[0]) % P
    return (x, (slope * (left[0] - x) - left[1]) % P)


def times(scalar, point):
    out = None
    while scalar:
        if scalar & 1:
            out = add(out, point)
        point, scalar = add(point, point), scalar >> 1
    return out


def negative(point):
    return (point[0], P - point[1])


M = read_point(bytes.fromhex("02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f"))
N = read_point(bytes.fromhex("03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49"))


def len64(value):
    return struct.pack("<Q", len(value)) + value


def stretch(kdf, code, salt, device, group):
    """registration.md section 1: (w0, w1)."""
    secret = len64(code) + len64(device) + len64(group)
    if kdf in (1, 2):
        cost = {1: 1 << 15, 2: 1 << 17}[kdf]
        out = hashlib.scrypt(secret, salt=salt, n=cost, r=8, p=1, maxmem=256 << 20, dklen=80)
    else:
        require(kdf == 3, "unknown KDF")
        out = hashlib.pbkdf2_hmac("sha256", secret, salt, 600_000, 80)
    return int.from_bytes(out[:40], "big") % ORDER, int.from_bytes(out[40:], "big") % ORDER


def spake2plus(context, prover, verifier, w0, share_p, share_v, z, v):
    values = [context, prover, verifier, write_point(M), write_point(N), share_p, share_v,
              write_point(z), write_point(v), w0.to_bytes(32, "big")]
    main = sha256(b"".join(len64(value) for value in values))
    confirm = hkdf(main, b"ConfirmationKeys", 64)
    return {"confirmP": hmac(confirm[:32], share_v), "confirmV": hmac(confirm[32:], share_p),
            "shared": hkdf(main, b"SharedKey", 32)}


def prover(context, ids, w0, w1, x, share_v):
    share_p = write_point(add(times(x, BASE), times(w0, M)))
    rest = add(read_point(share_v), negative(times(w0, N)))
    require(rest is not None, "the share is w0 N")
    return share_p, spake2plus(context, *ids, w0, share_p, share_v, times(x, rest), times(w1, rest))


def verifier(context, ids, w0, record, y, share_p):
    share_v = write_point(add(times(y, BASE), times(w0, N)))
    rest = add(read_point(share_p), negative(times(w0, M)))
    require(rest is not None, "the share is w0 M")
    return share_v, spake2plus(context, *ids, w0, share_p, share_v, times(y, rest), times(y, record))


# channels.md

def aead(suite, key):
    return {0: AESGCM, 1: AESGCM, 2: ChaCha20Poly1305}[suite](key)


def pair_key(relay, controller, boot, direction):
    return expand(relay, "pair", u32(controller) + boot + bytes([direction]))


def sender_key(epoch_secret, controller, boot):
    return expand(epoch_secret, "gsnd", u32(controller) + boot)


@dataclass
class Sealed:
    """A hardened datagram's two headers, opened."""
    headers: bytes
    suite: int
    epoch: int
    sender: int
    counter: int
    key_type: int
    plaintext: bytes


def open_sealed(datagram, key):
    kind, header, rest = classify(datagram)
    require(kind == "sealed" and header.suite in (1, 2), "not a hardened datagram")
    epoch, sender, counter, key_type, reserved, _ = struct.unpack(">IIQBBH", rest[:20])
    require(reserved == 0 and sender > 0, "the envelope is none")
    require(header.nonce == counter & 0xFFFF and counter < 1 << 48, "the counter is none")
    controls, fixed = header.flag & (CONTROL | RESPONSE | SERVER), header.flag & 0xFF00 & ~(CONTROL | RESPONSE | SERVER)
    expected = ENCRYPTED | EXTENDED | (FORWARDER if sender <= 0xFFFF else 0)
    if key_type == 1:
        require(fixed == expected and 1 <= header.keyid <= 0xFFFE, "the pairwise headers disagree")
    else:
        require(key_type == 2 and fixed == expected | BROADCAST | GROUP and not controls & ~CONTROL, "the flags are none")
        require(sender <= 0xFFFF and header.keyid == epoch & 0xFFFF, "the group's headers disagree")
    headers = datagram[:32]
    plaintext = aead(header.suite, key).decrypt(u32(epoch) + u64(counter), rest[20:], headers)
    return Sealed(headers, header.suite, epoch, sender, counter, key_type, plaintext)


def proven(opened, group, key):
    """The payload of a broadcast, whose source is checked: channels.md section 5."""
    text, headers = opened.plaintext, opened.headers
    require(text[:1] in (b"\1", b"\2"), "no proof")
    if text[0] == 1:
        require(len(text) > 65, "the proof is cut off")
        verify(key, text[1:65], b"supnp1 bcast" + headers + group + text[65:])
        return text[65:]
    depth, index = text[1] >> 4, text[1] & 15
    end = 66 + 32 * depth
    require(1 <= depth <= 4 and index < 1 << depth and len(text) > end, "the burst's place is none")
    root = sha256(b"\0" + headers + text[end:])
    for level in range(depth):
        sibling = text[66 + 32 * level:98 + 32 * level]
        root = sha256(b"\1" + (sibling + root if index >> level & 1 else root + sibling))
    verify(key, text[2:66], b"supnp1 burst" + group + bytes([depth]) + root)
    return text[end:]


def assemble(frames):
    """channels.md section 4: the message of frames in any order."""
    if len(frames) == 1 and frames[0][0] == 0:
        return frames[0][1:]
    parts = {}
    for frame in frames:
        require(frame[0] == 1 and len(frame) > 5, "not a segment")
        parts[frame[1]] = (frame[2], frame[3:5], frame[5:])
    counts = {(count, message) for count, message, _ in parts.values()}
    require(len(counts) == 1 and set(parts) == set(range(counts.pop()[0])), "segments are missing")
    return b"".join(part for _, (_, _, part) in sorted(parts.items()))


@dataclass
class Classic:
    """A classic sealed body, opened."""
    direction: int
    sender: int
    keyid: int
    plaintext: bytes


def open_classic(datagram, key):
    """channels.md section 7."""
    kind, header, body = classify(datagram)
    require(kind == "sealed" and header.suite == 0, "not a classic datagram")
    direction, zero, sender, counter = struct.unpack(">BBHQ", body[:12])
    require(direction <= 2 and zero == 0 and sender > 0 and header.nonce == counter & 0xFFFF, "the IV is none")
    fixed = header.flag & 0xFF00 & ~(CONTROL | RESPONSE | SERVER)
    expected = ENCRYPTED | (FORWARDER if direction else 0) | (BROADCAST | GROUP if direction == 2 else 0)
    require(fixed == expected and len(body) > 28, "the flags are none")
    return Classic(direction, sender, header.keyid, AESGCM(key).decrypt(body[:12], body[12:], datagram[:12]))


def open_box(key, box, associated):
    """SEALED: nonce, ciphertext, tag."""
    return AESGCM(key).decrypt(box[:12], box[12:], associated)


def read_certificate(data, group, root):
    require(len(data) == 114 and data[5] == 0 and 1 <= data[4] <= 3, "not a certificate")
    verify(root, data[50:], b"supnp1 cert" + group + data[:50])
    controller, roles, _, not_after = struct.unpack(">IBBQ", data[:14])
    require(1 <= controller <= 0xFFFF, "no controller's number")
    return {"controller": controller, "roles": roles, "notAfter": not_after,
            "serial": int.from_bytes(data[14:18], "big"),
            "publicKey": data[18:50]}


def read_payload(data):
    """channels.md section 8."""
    require(20 <= len(data) <= 65_536, "too short or long")
    kind, flags, length, window, number, alias = struct.unpack(">BBHIQI", data[:20])
    require(kind <= 6 and len(data) >= 20 + length and length <= 255, "no payload")
    service, rest = data[20:20 + length], data[20 + length:]
    service.decode("utf-8")
    if kind <= 1:
        require(length > 0 and 50 <= window <= 30_000, "a service or a window is missing")
        require(not flags & (0x81 if kind == 0 else 0x7F), "flags that there are not")
        require(alias <= 1 if kind == 0 else number >> 48 > 0, "a suite or a forwarder that there is not")
    else:
        require(length == 0 and window == 0, "a field that is not used")
        require(not flags & ~(1 if kind <= 3 else 0), "flags that there are not")
        require(kind <= 3 or alias == 0 and len(rest) == {4: 0, 5: 4, 6: 2}[kind], "a field that is not used")
    return {"kind": kind, "flags": flags, "windowMs": window, "id": number, "alias": alias, "service": service,
            "payload": rest}


def write_payload(read):
    head = struct.pack(">BBHIQI", read["kind"], read["flags"], len(read["service"]), read["windowMs"], read["id"],
                       read["alias"])
    return head + read["service"] + read["payload"]


def public(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def ed25519(seed):
    return Ed25519PrivateKey.from_private_bytes(seed)


def verify(key, signature, message):
    Ed25519PublicKey.from_public_bytes(key).verify(signature, message)


def x25519_public(private):
    return public(X25519PrivateKey.from_private_bytes(private))


def x25519(private, peer):
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(peer))
