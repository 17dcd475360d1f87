package import Foundation
import Glibc
import Synchronization

/// Where a command writes: whole lines, at once, one at a time however many tasks write.
///
/// Text that came from the network passes through here too, so control characters never reach the
/// terminal: a device's name must not be able to move the cursor or retitle the window.
package final class Console: Sendable {
    /// One of the two standard streams.
    package enum Stream: Hashable, Sendable {
        case output
        case errors
    }

    /// Whether standard output is a terminal.
    package let outputIsTerminal: Bool
    /// Whether standard error is a terminal.
    package let errorsAreTerminal: Bool
    private let sink: @Sendable (Stream, [UInt8]) -> Bool
    private let state = Mutex(State())

    private struct State {
        var progress = ""
        var outputClosed = false
    }

    /// Makes a console on any sink; `sink` returns false when nobody reads that stream any more.
    package init(
        outputIsTerminal: Bool = false,
        errorsAreTerminal: Bool = false,
        sink: @escaping @Sendable (Stream, [UInt8]) -> Bool
    ) {
        self.outputIsTerminal = outputIsTerminal
        self.errorsAreTerminal = errorsAreTerminal
        self.sink = sink
    }

    /// The process's own standard output and standard error.
    package static let standard = Console(
        outputIsTerminal: isatty(STDOUT_FILENO) == 1,
        errorsAreTerminal: isatty(STDERR_FILENO) == 1
    ) { stream, bytes in
        writeAll(bytes, to: stream == .output ? STDOUT_FILENO : STDERR_FILENO)
    }

    /// Whether the reader of standard output went away, so that a command which prints until it is
    /// stopped has nobody left to print for.
    package var isOutputClosed: Bool { state.withLock { $0.outputClosed } }

    /// Prints one line.
    package func line(_ text: String) { write(.output, Self.printable(text)) }

    /// Prints a text of several lines, each made printable.
    package func text(_ text: String) {
        write(
            .output,
            text.split(separator: "\n", omittingEmptySubsequences: false).map { Self.printable(String($0)) }.joined(
                separator: "\n"))
    }

    /// Prints lines as they are, for text that this program drew itself (a QR code with its colours).
    package func drawing(_ lines: [String]) { write(.output, lines.joined(separator: "\n")) }

    /// Prints one value as one line of JSON, keys in order.
    package func json(_ value: some Encodable) throws {
        let data = try Self.encoder().encode(value)
        write(.output, String(decoding: data, as: UTF8.self))
    }

    /// Prints `latchkey: sentence` on standard error.
    package func error(_ sentence: String) { write(.errors, Self.printable("latchkey: \(sentence)")) }

    /// Prints one line on standard error as it is: the log's way out.
    package func log(_ text: String) { write(.errors, Self.printable(text)) }

    /// Shows `text` as the one line that long work overwrites, or removes it with nil. Only on a terminal.
    package func progress(_ text: String?) {
        guard errorsAreTerminal else { return }
        let shown = Self.printable(text ?? "")
        state.withLock { state in
            guard state.progress != shown else { return }
            state.progress = shown
            _ = sink(.errors, Array("\r\u{1B}[K\(shown)".utf8))
        }
    }

    private func write(_ stream: Stream, _ text: String) {
        state.withLock { state in
            if !state.progress.isEmpty { _ = sink(.errors, Array("\r\u{1B}[K".utf8)) }
            let isRead = sink(stream, Array("\(text)\n".utf8))
            if stream == .output, !isRead { state.outputClosed = true }
            if !state.progress.isEmpty { _ = sink(.errors, Array(state.progress.utf8)) }
        }
    }

    /// How every command writes JSON: keys sorted, times as ISO 8601 in UTC, slashes as they are.
    package static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return encoder
    }

    /// `text` with each control character (also the C1 range and line separators) replaced.
    package static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            scalars.append(scalar == "\t" || !isControl(scalar) ? scalar : "\u{FFFD}")
        }
        return String(scalars)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: CInt) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var sent = 0
            while sent < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress?.advanced(by: sent), buffer.count - sent)
                if count > 0 {
                    sent += count
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }
}
