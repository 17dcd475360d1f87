/// The base header in front of a rekey packet: 12 octets of six big-endian words (group keys §3.2).
///
/// The header's home is SUPnP, above this module; a rekey packet fixes all of it, so that the tree's codec can make
/// and check it as a whole.
enum RekeyBaseHeader {
    static let magic: UInt16 = 0x5EC1
    /// Control, server, broadcast; suite 1, version 1. Signed, not encrypted; no X, so no extension header.
    static let flags: UInt16 = 0x8000 | 0x2000 | 0x1000 | 0x0010 | 0x0001

    /// The header of packet `index` of `epoch` in a datagram of `length` octets: keyid is the epoch's low 16 bits and
    /// nonce the packet's index; the checksum is the ones' complement sum of RFC 1071 over the other five words.
    static func octets(epoch: UInt32, index: UInt16, length: Int) -> [UInt8] {
        let words: [UInt16] = [magic, flags, UInt16(truncatingIfNeeded: epoch), index, UInt16(length)]
        var sum = words.reduce(UInt32(0)) { $0 + UInt32($1) }
        while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
        return (words + [~UInt16(sum)]).flatMap(\.octets)
    }
}
