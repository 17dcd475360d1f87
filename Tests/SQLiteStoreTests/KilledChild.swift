import Foundation

/// A test of this program in a process of its own, which says `acknowledged N` for each number that it was promised to be
/// kept, and is killed in the middle.
enum KilledChild {
    /// Runs the child, kills it right after it has said something for the last of so many times, and gives the last
    /// number that it has acknowledged by its end.
    /// - Parameter environment: What the child is told besides the present environment.
    static func run(_ test: String, environment: [String: String], lines: Int) throws -> UInt64? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["--testing-library", "swift-testing", "--filter", test]
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var text = Data()
        var heard = 0
        while heard <= lines {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { break }
            text += more
            heard = String(decoding: text, as: UTF8.self).components(separatedBy: "acknowledged ").count - 1
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        text += output.fileHandleForReading.readDataToEndOfFile()
        // A line that was cut off says nothing.
        return String(decoding: text, as: UTF8.self).components(separatedBy: "\n").dropLast()
            .compactMap { $0.hasPrefix("acknowledged ") ? UInt64($0.dropFirst(13)) : nil }.last
    }
}
