import Foundation
import Synchronization

/// Makes small pictures of films and photographs with ffmpeg, where that is installed, and keeps them.
///
/// At most two are made at one time, each in at most ten seconds; the newest 500 are kept in memory.
public actor Pictures {
    private static let limit = 500
    private static let atOnce = 2

    private let tool: String?
    private var made: [String: Data?] = [:]
    private var order: [String] = []
    private var making: [String: Task<Data?, Never>] = [:]
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var running = 0

    /// Looks for ffmpeg on the PATH.
    public init() {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        tool = folders.map { "\($0)/ffmpeg" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Whether pictures can be made at all.
    public nonisolated var isAvailable: Bool { tool != nil }

    /// A JPEG of at most 160 by 160 pixels; nil when none can be made of the file.
    public func picture(of entry: MediaLibrary.Entry) async -> Data? {
        guard let tool else { return nil }
        let key = "\(entry.path)\n\(entry.modified)"
        if let known = made[key] { return known }
        if let making = making[key] { return await making.value }
        // Unstructured: several askers wait for the one picture, and it is kept though they leave.
        let task = Task { await self.make(entry.path, with: tool) }
        making[key] = task
        let picture = await task.value
        making[key] = nil
        if made.updateValue(picture, forKey: key) == nil { order.append(key) }
        if order.count > Self.limit { made[order.removeFirst()] = nil }
        return picture
    }

    private func make(_ path: String, with tool: String) async -> Data? {
        if running >= Self.atOnce {
            await withCheckedContinuation { waiting.append($0) }
        } else {
            running += 1
        }
        defer {
            if waiting.isEmpty { running -= 1 } else { waiting.removeFirst().resume() }
        }
        return await Self.run(tool, path)
    }

    private static func run(_ tool: String, _ path: String) async -> Data? {
        let process = Process()
        process.executableURL = URL(filePath: tool)
        // `file:` so that a name is never taken for another protocol or an option.
        process.arguments = [
            "-nostdin", "-loglevel", "quiet", "-i", "file:\(path)", "-frames:v", "1", "-vf",
            "thumbnail=20,scale=160:160:force_original_aspect_ratio=decrease", "-f", "mjpeg", "pipe:1",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        do { try process.run() } catch { return nil }
        let guardian = Task {
            do { try await Task.sleep(for: .seconds(10)) } catch { return }
            process.terminate()
        }
        defer { guardian.cancel() }
        return await withCheckedContinuation { continuation in
            // Reading blocks, so it has a thread of its own while it lasts.
            Thread.detachNewThread {
                let picture = try? output.fileHandleForReading.readToEnd()
                process.waitUntilExit()
                let isGood = process.terminationStatus == 0 && picture?.isEmpty == false
                continuation.resume(returning: isGood ? picture : nil)
            }
        }
    }
}
