import NIOCore
import NIOEmbedded
import NIOHTTP2
import Testing
import Tunnel

@testable import NIOTunnel

@Suite("How a connection ends")
struct ConnectionEndTests {
    /// A GOAWAY frame (RFC 9113 §6.8): stream 0, the last stream, the code.
    private static func code(ofGoAwayIn bytes: ByteBuffer) -> UInt32? {
        var rest = bytes
        while let length = rest.readBytes(length: 3), let kind = rest.readInteger(as: UInt8.self),
            rest.readBytes(length: 5) != nil
        {
            let size = length.reduce(0) { $0 << 8 | Int($1) }
            guard kind == 7 else {
                rest.moveReaderIndex(forwardBy: min(size, rest.readableBytes))
                continue
            }
            return rest.getInteger(at: rest.readerIndex + 4, as: UInt32.self)
        }
        return nil
    }

    @Test("Whoever closes second, and is first on the event loop, does not change what the peer is told")
    func firstReason() throws {
        let channel = EmbeddedChannel()
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.7", port: 443)).wait()
        let core = ConnectionCore(channel: channel, upkeep: .init())
        let connection = try core.start(.server, purpose: .session, settings: .control)
        // The one who revokes has noted why, and its turn on the loop is yet to come.
        connection.ends(.revoked)
        connection.close(.closed)
        var written = ByteBuffer()
        while var part = try channel.readOutbound(as: ByteBuffer.self) { written.writeBuffer(&part) }
        #expect(Self.code(ofGoAwayIn: written) == ResetCode.revoked.rawValue)
        #expect(!channel.isActive)
        _ = try? channel.finish()
    }
}
