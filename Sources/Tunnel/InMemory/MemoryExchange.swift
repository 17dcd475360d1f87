internal import HTTPTypes
internal import Synchronization

internal import struct NIOCore.ByteBuffer

/// One exchange in memory, seen from both ends.
final class MemoryExchange: Sendable {
    let request: HTTPRequest
    let trafficClass: TrafficClass
    private let up: MemoryPipe
    private let head = MemoryPipe(capacity: .max)
    private let down: MemoryPipe
    private let answer = Mutex<HTTPResponse?>(nil)
    private let over = Mutex((isOver: false, onCut: [@Sendable () -> Void]()))

    init(_ request: HTTPRequest, _ trafficClass: TrafficClass, window: Int) {
        self.request = request
        self.trafficClass = trafficClass
        self.up = MemoryPipe(capacity: window)
        self.down = MemoryPipe(capacity: window)
    }

    var isComplete: Bool { up.isEnded && down.isEnded }

    /// Ends the exchange unless it is complete.
    func cut(_ error: any Error) {
        guard !isComplete else { return }
        up.fail(error)
        head.fail(error)
        down.fail(error)
        let tell = over.withLock { over in
            defer { over = (true, []) }
            return over.onCut
        }
        for body in tell { body() }
    }

    /// Calls `body` when the exchange is cut, at once if it has been.
    func onCut(_ body: @escaping @Sendable () -> Void) {
        let now = over.withLock { over in
            if !over.isOver { over.onCut.append(body) }
            return over.isOver
        }
        if now { body() }
    }

    struct Asking: OutboundExchange {
        let exchange: MemoryExchange

        func send(_ chunk: ByteBuffer) async throws { try await exchange.up.write(chunk) }
        func finish() async throws { try exchange.up.end() }
        func response() async throws -> HTTPResponse {
            _ = try await exchange.head.read()
            guard let response = exchange.answer.withLock({ $0 }) else { throw ExchangeReset(.internalError) }
            return response
        }
        var body: ExchangeBody { ExchangeBody { [exchange] in try await exchange.down.read() } }
        func reset(_ code: ResetCode) { exchange.cut(ExchangeReset(code)) }
    }

    struct Answering: InboundExchange {
        let exchange: MemoryExchange

        var request: HTTPRequest { exchange.request }
        var trafficClass: TrafficClass { exchange.trafficClass }
        var body: ExchangeBody { ExchangeBody { [exchange] in try await exchange.up.read() } }
        func respond(_ response: HTTPResponse) async throws {
            exchange.answer.withLock { $0 = response }
            try await exchange.head.write(ByteBuffer(integer: 0, as: UInt8.self))
        }
        func send(_ chunk: ByteBuffer) async throws { try await exchange.down.write(chunk) }
        func finish() async throws { try exchange.down.end() }
        func reset(_ code: ResetCode) { exchange.cut(ExchangeReset(code)) }

        /// The handler has returned: what it did not finish is given up.
        func leave() {
            guard exchange.down.isEnded else { return exchange.cut(ExchangeReset(.internalError)) }
            // The answer is whole, whether or not the other end has said that its request is.
            exchange.up.refuse(ExchangeReset(.noError))
        }
    }
}
