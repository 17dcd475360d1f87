import SUPnP

/// What Python's hashlib makes of the code "0123456789" for the device "lamp" in the group of 16 bytes 0x47, with the
/// salt 00 01 ... 0f: each half of the 80 bytes modulo the order of P-256.
struct DerivationVector: Sendable {
    var derivation: PasswordDerivation
    var w0: String
    var w1: String

    static let all: [DerivationVector] = [
        DerivationVector(
            derivation: .scrypt15, w0: "0d98d196d74d11d4ce7d2320b7ddfe1ca2e386fa79493c348826716adf4f8af7",
            w1: "104471fffbb7646666cba88fae9806abf6ba5d1c4ec8eb2d39603d566dbf68fb"),
        DerivationVector(
            derivation: .scrypt17, w0: "662e9cb3ecb95e7196766da35949e786e7d84d00afe6435b538e5c2285f3644a",
            w1: "2d1dab70263f0cb0573ac01d9f1635297db68316a79a1c7f953af340117974e3"),
        DerivationVector(
            derivation: .pbkdf2, w0: "fc087524abe98f2e0ed307d15a157c0c44b67c43b6cd162c3d7ce9b675faa71b",
            w1: "70377a60f281b20ccd32510f4c49be6c6c7fd316d9835d34fd2c6471eb57f8d8"),
        DerivationVector(
            derivation: .testOnly, w0: "994f1f4fe9f2a5c13d71d9c52787ab8aeebf4e4099d979f301407ed65c18512b",
            w1: "09157bbc83f147a999fba2f50647e8d36a8c93cae0c4a04d0d8fb27b19d0d784"),
    ]
}

/// What Python's hmac makes of a K_shared of 32 bytes 01 and a transcript of 32 bytes 02, member 0x10005, generation 7.
enum ScheduleVector {
    static let finish = "4a463ac0e99d7904396acf2c66df6e17fb4dbc2b7223e9aae4b43c766365cfb0"
    static let leaf = "0077acf3aa097fc41c30ab8b0b2c3f9d89a4460b0113bfefcbbbd83b4d6f1cfd"
    static let relay = "478cad02577e0598cb79f6221321983ec485f2fcb225fdc403624508f5258b4e"
    static let refresh = "c56a312ba813d90a1a216eb13638dc9ad3c9e0df7d90fa0e3781aaf7ccf2fad8"
}
