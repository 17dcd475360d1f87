/// What others need, as published or as computed from a published format: not measured in the same run.
package struct CitedFigure: Codable, Hashable, Sendable {
    package var what: String
    package var members: Int
    package var bytes: String
    package var time: String
    package var source: String

    /// The figures that stand beside our own.
    package static let all = [
        CitedFigure(
            what: "MLS++ removes one, tree fully populated", members: 1_024, bytes: "2,141",
            time: "50 ms, 154 ms at a member",
            source: "cisco/mlspp 61e4d76d, measured on another day on this kind of machine"),
        CitedFigure(
            what: "MLS++ removes one, bare tree", members: 8_192, bytes: "672,000", time: "2.85 s, 673 ms at a member",
            source: "the same"),
        CitedFigure(
            what: "OpenMLS removes one", members: 1_000, bytes: "-", time: "12 ms, 4-6 ms at a member",
            source: "OpenMLS's blog, 2021-05-18, read off its charts (i7-4900MQ)"),
        CitedFigure(
            what: "MLS commit, extrapolated from the populated tree", members: 1 << 20, bytes: "2,700 or more",
            time: "-",
            source: "computed: 116.7 octets a level"),
        CitedFigure(
            what: "G-IKEv2 with LKH, one leave, 256-bit keys", members: 1 << 20, bytes: "2,200", time: "-",
            source: "computed from RFC 9838's WRAP_KEY of 52 octets"),
        CitedFigure(
            what: "Wong, Gouda, Lam, one leave, degree 4, 64-bit keys", members: 8_192, bytes: "1,000", time: "-",
            source: "ToN 8(1), 2000, quoted from memory"),
        CitedFigure(
            what: "one-way function trees, largest group run", members: 10_000_000, bytes: "-", time: "-",
            source: "Sherman and McGrew, TSE 29(5), 2003"),
    ]
}
