#!/usr/bin/env python3
"""One introduction of Wi-Fi Protected Setup, written from the protocol's description and not from the Swift code.

    make.py > introduction.json      make the vectors again (needs the program `openssl`)

Every random value is made of SHA-256, so that the file is the same each time.
"""

import hashlib
import hmac
import json
import struct
import subprocess
import uuid

P = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA237327FFFFFFFFFFFFFFFF",
    16,
)
PIN = "12345670"


def drawn(label: str, count: int) -> bytes:
    out = b""
    while len(out) < count:
        out += hashlib.sha256(f"{label} {len(out)}".encode()).digest()
    return out[:count]


def identity(label: str) -> bytes:
    raw = bytearray(hashlib.sha256(label.encode()).digest()[:16])
    raw[6], raw[8] = raw[6] & 0x0F | 0x50, raw[8] & 0x3F | 0x80
    assert uuid.UUID(bytes=bytes(raw)).version == 5
    return bytes(raw)


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def tlv(number: int, value: bytes) -> bytes:
    return struct.pack(">HH", number, len(value)) + value


def message(kind: int, *attributes: bytes) -> bytes:
    return tlv(0x104A, b"\x10") + tlv(0x1022, bytes([kind])) + b"".join(attributes)


def about(name: str) -> bytes:
    return (
        tlv(0x1021, b"Latchkey") + tlv(0x1023, b"Latchkey") + tlv(0x1024, b"1") + tlv(0x1042, b"1")
        + tlv(0x1054, bytes.fromhex("00060050F2040004")) + tlv(0x1011, name.encode()) + tlv(0x103C, b"\x01")
    )  # fmt: skip


def abilities(methods: int) -> bytes:
    return tlv(0x1004, b"\x00\x22") + tlv(0x1010, b"\x00\x0c") + tlv(0x100D, b"\x01") + tlv(0x1008, struct.pack(">H", methods))


def aes(key: bytes, vector: bytes, text: bytes) -> bytes:
    return subprocess.run(
        ["openssl", "enc", "-aes-128-cbc", "-K", key.hex(), "-iv", vector.hex()],
        input=text, capture_output=True, check=True,
    ).stdout  # fmt: skip


def main() -> None:
    device, phone = identity("device"), identity("control point")
    address = bytes([device[10] & 0xFC | 2]) + device[11:]
    sides = {}
    for side in ("enrollee", "registrar"):
        secret = drawn(f"{side} secret", 192)
        sides[side] = {
            "secret": secret, "public": pow(2, int.from_bytes(secret, "big"), P).to_bytes(192, "big"),
            "nonce": drawn(f"{side} nonce", 16), "first": drawn(f"{side} first", 16), "second": drawn(f"{side} second", 16),
            "vectors": [drawn(f"{side} vector {n}", 16) for n in range(3)],
        }  # fmt: skip
    e, r = sides["enrollee"], sides["registrar"]
    shared = pow(int.from_bytes(r["public"], "big"), int.from_bytes(e["secret"], "big"), P).to_bytes(192, "big")
    key = mac(hashlib.sha256(shared).digest(), e["nonce"] + address + r["nonce"])
    label = b"Wi-Fi Easy and Secure Key Derivation"
    keys = b"".join(mac(key, struct.pack(">I", n) + label + struct.pack(">I", 640)) for n in (1, 2, 3))[:80]
    auth, wrap = keys[:32], keys[32:48]
    halves = [mac(auth, PIN[:4].encode())[:16], mac(auth, PIN[4:].encode())[:16]]

    def proof(side: dict, half: int) -> bytes:
        return mac(auth, side[("first", "second")[half]] + halves[half] + e["public"] + r["public"])

    def settings(vector: bytes, text: bytes) -> bytes:
        return tlv(0x1018, vector + aes(wrap, vector, text + tlv(0x101E, mac(auth, text)[:8])))

    def sealed(text: bytes) -> None:
        said.append(text + tlv(0x1005, mac(auth, said[-1] + text)[:8]))

    to_e, to_r = tlv(0x101A, e["nonce"]), tlv(0x1039, r["nonce"])
    said = [
        message(
            4, tlv(0x1047, device), tlv(0x1020, address), to_e, tlv(0x1032, e["public"]), abilities(0x0088),
            tlv(0x1044, b"\x01"), about("Gateway"), tlv(0x1002, b"\0\0"), tlv(0x1012, b"\0\0"), tlv(0x1009, b"\0\0"),
            tlv(0x102D, b"\x80\0\0\0"),
        )  # fmt: skip
    ]
    sealed(
        message(
            5, to_e, to_r, tlv(0x1048, phone), tlv(0x1032, r["public"]), abilities(0x0108), about("Phone"),
            tlv(0x1002, b"\0\0"), tlv(0x1009, b"\0\0"), tlv(0x1012, b"\0\0"), tlv(0x102D, b"\x80\0\0\0"),
        )  # fmt: skip
    )
    sealed(message(7, to_r, tlv(0x1014, proof(e, 0)), tlv(0x1015, proof(e, 1))))
    sealed(
        message(8, to_e, tlv(0x103D, proof(r, 0)), tlv(0x103E, proof(r, 1)), settings(r["vectors"][0], tlv(0x103F, r["first"])))
    )
    sealed(message(9, to_r, settings(e["vectors"][0], tlv(0x1016, e["first"]))))
    sealed(message(10, to_e, settings(r["vectors"][1], tlv(0x1040, r["second"]))))
    sealed(message(11, to_r, settings(e["vectors"][1], tlv(0x1017, e["second"]))))
    sealed(message(12, to_e, settings(r["vectors"][2], b"")))
    said.append(message(15, to_e, to_r))
    drawn_by = {
        side: b"".join([one["secret"], one["nonce"], one["first"], one["second"], *one["vectors"]]).hex()
        for side, one in sides.items()
    }
    print(json.dumps({"pin": PIN, "drawn": drawn_by, "keys": keys.hex(), "messages": [one.hex() for one in said]}, indent=1))


if __name__ == "__main__":
    main()
