import GroupKeys
import NetworkTypes
import Testing

@Suite("Secrets")
struct SecretBytesTests {
    @Test("A secret does not print its bytes")
    func description() {
        #expect("\(SecretBytes([1, 2, 3]))" == "secret of 3 bytes")
    }

    @Test("Extract and expand give the octets of RFC 5869, test case 1")
    func rfc5869() {
        let material = SecretBytes([UInt8](repeating: 0x0B, count: 22))
        let key = KeyDerivation.extract(salt: Array(0...0x0C), inputKeyMaterial: material)
        #expect(key.exposed.prefix(4) == [0x07, 0x77, 0x09, 0x36])
        let first = KeyDerivation.expand(key, info: Array(0xF0...0xF9))
        #expect(first.exposed.prefix(8) == [0x3C, 0xB2, 0x5F, 0x25, 0xFA, 0xAC, 0xD5, 0x7A])
    }
}
