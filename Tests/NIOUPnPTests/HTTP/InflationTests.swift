import NIOCore
import Synchronization
import Testing

@testable import NIOUPnP

@Suite("Compressed bodies")
struct InflationTests {
    private static let text = String(repeating: "<a>UPnP</a>", count: 2000)

    /// A body that comes in pieces of that size, and how much of it was asked for.
    private func body(_ bytes: ByteBuffer, piece: Int) -> (HTTPBody, read: @Sendable () -> Int) {
        let rest = Mutex(bytes)
        let body = HTTPBody {
            rest.withLock { rest in
                guard rest.readableBytes > 0 else { return nil }
                return rest.readSlice(length: min(piece, rest.readableBytes))
            }
        }
        return (body, { bytes.readableBytes - rest.withLock { $0.readableBytes } })
    }

    @Test(
        "gzip and deflate are undone, however the bytes are cut",
        arguments: [("gzip", 31), ("X-GZIP", 31), ("deflate", 15)],
        [1, 7, 100_000])
    func roundTrip(coding: (name: String, window: Int32), piece: Int) async throws {
        let (body, _) = body(Gzip.compressed(Array(Self.text.utf8), window: coding.window), piece: piece)
        #expect(String(buffer: try await body.collect(upTo: 1 << 20, coding: coding.name)) == Self.text)
    }

    @Test("without a coding the body is what it is", arguments: [nil, "", "identity"])
    func identity(coding: String?) async throws {
        let (body, _) = body(ByteBuffer(string: Self.text), piece: 1000)
        #expect(String(buffer: try await body.collect(upTo: 1 << 20, coding: coding)) == Self.text)
    }

    @Test("what follows the end of the data is not looked at, and an empty body is empty")
    func padding() async throws {
        var padded = Gzip.compressed(Array("x".utf8))
        padded.writeRepeatingByte(0, count: 2000)
        #expect(String(buffer: try await body(padded, piece: 10).0.collect(upTo: 100, coding: "gzip")) == "x")
        #expect(try await body(ByteBuffer(), piece: 1).0.collect(upTo: 100, coding: "gzip").readableBytes == 0)
    }

    @Test("a bomb is stopped at the limit, and hardly any of it is read")
    func bomb() async throws {
        let bomb = Gzip.compressed([UInt8](repeating: 0, count: 16 << 20))
        let (body, read) = body(bomb, piece: 1024)
        let error = await #expect(throws: HTTPTransportError.self) {
            try await body.collect(upTo: 1 << 20, coding: "gzip")
        }
        #expect(error?.code == .bodyTooLarge)
        #expect(read() < 8 * 1024)
    }

    @Test("a body that grows a thousandfold is stopped far below its limit")
    func ratio() async throws {
        let (body, _) = body(Gzip.compressed([UInt8](repeating: 0, count: 2 << 20)), piece: 100_000)
        let error = await #expect(throws: HTTPTransportError.self) {
            try await body.collect(upTo: 1 << 30, coding: "gzip")
        }
        #expect(error?.code == .bodyTooLarge)
    }

    @Test("damaged data, data that ends early and other codings are told apart")
    func damage() async throws {
        var damaged = Gzip.compressed(Array(Self.text.utf8))
        damaged.setInteger(UInt8(0xFF), at: 30)
        let early = damaged.getSlice(at: 0, length: 20) ?? ByteBuffer()
        for (bytes, coding, code) in [
            (damaged, "gzip", HTTPTransportError.Code.malformedMessage), (early, "gzip", .connectionClosed),
            (ByteBuffer(string: Self.text), "gzip", .malformedMessage), (damaged, "br", .malformedMessage),
        ] {
            let error = await #expect(throws: HTTPTransportError.self) {
                try await body(bytes, piece: 50).0.collect(upTo: 1 << 20, coding: coding)
            }
            #expect(error?.code == code)
        }
    }
}
