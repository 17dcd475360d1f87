import Dispatch
import FoundationEssentials
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
        // Whoever does not read it any more is no reason to stop.
        _ = Output.write(line + "\n", to: STDOUT_FILENO)
    }
}

/// Writing without Foundation's larger half, which would make the program twice as large.
enum Output {
    /// Writes all of a text; a line in one call, so that a reader never sees half of one. False when it cannot.
    static func write(_ text: String, to file: Int32) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)[...]
            while !rest.isEmpty {
                let count = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
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
