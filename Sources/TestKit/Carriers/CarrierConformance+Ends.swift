internal import HTTPTypes
internal import NIOCore
internal import Tunnel

/// Answers with a head and then with bytes for as long as anybody takes them; tells why it stopped.
private func endless(_ stopped: @escaping @Sendable (any Error) -> Void) -> CarrierConformance.Answer {
    { exchange in
        do {
            try await exchange.respond(HTTPResponse(status: .ok))
            while true { try await exchange.send(pattern(10_000)) }
        } catch {
            stopped(error)
        }
    }
}

/// Answers with a head and then waits to be cancelled.
private func silent(_ stopped: @escaping @Sendable () -> Void) -> CarrierConformance.Answer {
    { exchange in
        try? await exchange.respond(HTTPResponse(status: .ok))
        let (never, source) = AsyncStream<Void>.makeStream()
        await withTaskCancellationHandler {
            for await _ in never {}
        } onCancel: {
            source.finish()
        }
        stopped()
    }
}

extension CarrierConformance {
    static let resets = [
        CarrierConformance(description: "an answer that is given up reaches the asker with its code") { harness in
            let answer: Answer = { exchange in
                try? await exchange.respond(HTTPResponse(status: .ok))
                try? await exchange.send(pattern(100))
                // The asker has the head once it sends.
                var body = exchange.body.makeAsyncIterator()
                _ = try? await body.next()
                exchange.reset(.revoked)
            }
            try await harness(answer) { ends in
                let code = try await ends.asking.withExchange(.test(), trafficClass: .control) { exchange in
                    _ = try await exchange.response()
                    try await exchange.send(pattern(1))
                    do {
                        _ = try await exchange.body.collect()
                        return nil as ResetCode?
                    } catch let reset as ExchangeReset {
                        return reset.code
                    }
                }
                try expect(code == .revoked, "the code came as \(code.map { "\($0.rawValue)" } ?? "nothing")")
            }
        },
        CarrierConformance(description: "an answer without an end is given up when its handler returns") { harness in
            let answer: Answer = { exchange in
                try? await exchange.respond(HTTPResponse(status: .ok))
            }
            try await harness(answer) { ends in
                let failed = try await ends.asking.withExchange(.test(.get), trafficClass: .control) { exchange in
                    try await exchange.finish()
                    do {
                        _ = try await exchange.response()
                        _ = try await exchange.body.collect()
                        return false
                    } catch is ExchangeReset {
                        return true
                    }
                }
                try expect(failed, "a body without an end looked complete")
            }
        },
        CarrierConformance(description: "an asker that leaves stops the answer") { harness in
            let (stops, stopped) = AsyncStream<Void>.makeStream()
            try await harness(endless { _ in stopped.finish() }) { ends in
                try await ends.asking.withExchange(.test(.get), trafficClass: .media) { exchange in
                    try await exchange.finish()
                    for try await _ in exchange.body { break }
                }
                for await _ in stops {}
            }
        },
        CarrierConformance(description: "an asker that leaves cancels a handler that waits") { harness in
            let (stops, stopped) = AsyncStream<Void>.makeStream()
            try await harness(silent { stopped.finish() }) { ends in
                try await ends.asking.withExchange(.test(.get), trafficClass: .event) { exchange in
                    try await exchange.finish()
                    _ = try await exchange.response()
                }
                for await _ in stops {}
            }
        },
        CarrierConformance(description: "a reset of one exchange leaves the others alone") { harness in
            try await harness(echo) { ends in
                for _ in 0..<10 {
                    try await ends.asking.withExchange(.test(), trafficClass: .control) { exchange in
                        try await exchange.send(pattern(10))
                        exchange.reset(.cancelled)
                    }
                }
                let received = try await ends.asking.withExchange(.test(), trafficClass: .control) { exchange in
                    try await exchange.send(pattern(10))
                    try await exchange.finish()
                    return try await exchange.body.collect()
                }
                try expect(received == pattern(10), "the exchange after the resets failed")
            }
        },
        CarrierConformance(description: "a cancelled reader is told so at once") { harness in
            try await harness(silent {}) { ends in
                // Unstructured, because the test is about cancelling it; it ends with the exchange.
                let reading = Task {
                    try await ends.asking.withExchange(.test(.get), trafficClass: .control) { exchange in
                        try await exchange.finish()
                        return try await exchange.body.collect()
                    }
                }
                reading.cancel()
                let result = await reading.result
                guard case .failure(let error) = result, error is CancellationError else {
                    throw ConformanceFailure("a cancelled read gave \(result)")
                }
            }
        },
    ]

    static let ends = [
        CarrierConformance(description: "closing one end ends the other, and what was open there") { harness in
            try await harness(silent {}) { ends in
                try await ends.asking.withExchange(.test(.get), trafficClass: .control) { exchange in
                    try await exchange.finish()
                    _ = try await exchange.response()
                    ends.closeAnswering(.revoked)
                    do {
                        _ = try await exchange.body.collect()
                        throw ConformanceFailure("a body went on after the carrier's end")
                    } catch is CarrierEnd {
                        return
                    }
                }
                let end = await ends.asking.ended()
                try expect(end == .revoked, "the end came as \(end)")
            }
        },
        CarrierConformance(description: "an end has one reason, however many close at the same moment") { harness in
            // Whoever serves closes for its part as soon as it hears of the end, on another thread.
            for round in 0..<8 {
                try await harness(silent {}) { ends in
                    try await ends.asking.withExchange(.test(.get), trafficClass: .control) { exchange in
                        try await exchange.finish()
                        _ = try await exchange.response()
                    }
                    ends.closeAnswering(.revoked)
                    let end = await ends.asking.ended()
                    try expect(end == .revoked, "the end came as \(end) in round \(round)")
                }
            }
        },
        CarrierConformance(description: "a carrier that has ended opens nothing") { harness in
            try await harness(echo) { ends in
                ends.asking.close(.closed)
                let end = await ends.asking.ended()
                try expect(end == .closed, "the end came as \(end)")
                do {
                    try await ends.asking.withExchange(.test(.get), trafficClass: .control) { _ in }
                    throw ConformanceFailure("an exchange was opened on a carrier that had ended")
                } catch is CarrierEnd {
                    return
                }
            }
        },
    ]
}
