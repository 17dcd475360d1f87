import Dispatch
import Foundation
import Glibc

/// Prints what happens as lines, or as JSON objects with a time, as the other commands do.
struct RelayEventPrinter: Sendable {
    let json: Bool

    func print(_ name: String, _ sentence: String, _ fields: [String: String] = [:]) {
        var line = sentence
        if json {
            var object = fields
            object["event"] = name
            object["message"] = sentence
            object["time"] = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            // Strings alone can always be encoded.
            guard let data = try? encoder.encode(object) else { return }
            line = String(decoding: data, as: UTF8.self)
        }
        // One write a line, so that a reader never sees half of one.
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }
}

/// What the process does about signals while it runs.
final class RelaySignals: Sendable {
    private let cancellation: @Sendable () -> Void

    /// The first SIGTERM or SIGINT stops politely and the second at once; SIGHUP reads the invitations anew.
    init(onStop: @escaping @Sendable () -> Void, onReload: @escaping @Sendable () -> Void) {
        signal(SIGPIPE, SIG_IGN)
        let queue = DispatchQueue(label: "signals")
        let sources = [SIGTERM, SIGINT, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if number == SIGHUP { return onReload() }
                // From here on the system's own way: at once.
                signal(SIGTERM, SIG_DFL)
                signal(SIGINT, SIG_DFL)
                onStop()
            }
            source.resume()
            return source
        }
        // They are set up, and from here on only cancelled, which any thread may do.
        nonisolated(unsafe) let kept = sources
        self.cancellation = { for source in kept { source.cancel() } }
    }

    func cancel() { cancellation() }
}
