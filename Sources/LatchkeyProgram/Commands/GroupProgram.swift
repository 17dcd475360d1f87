import Foundation
import GroupKeys
import NIOPosix
import SQLiteStore
import SUPnP

/// `latchkey group …`, beyond its arguments.
package enum GroupProgram {
    /// What `latchkey group enrol` is to do.
    package struct Order: Hashable, Sendable {
        /// The device's id, or the beginning of the ids of many.
        package var id: String
        /// `client`, `server` or `both`.
        package var role: String
        /// The patterns of services that it may ask for.
        package var patterns: [String]
        /// The name of the subject that it belongs to; nil for one that is called like the id.
        package var owner: String?
        /// How many devices, ID-0001 and so on; nil for the one.
        package var count: Int?
        /// Where the list of many devices goes.
        package var file: String?
        /// Codes that are stretched quickly, for laboratories.
        package var usesTestDerivation: Bool
        /// Whether devices that are enrolled and no members get another code.
        package var again: Bool

        package init(
            id: String, role: String, patterns: [String] = [], owner: String? = nil, count: Int? = nil,
            file: String? = nil, usesTestDerivation: Bool = false, again: Bool = false
        ) {
            self.id = id
            self.role = role
            self.patterns = patterns
            self.owner = owner
            self.count = count
            self.file = file
            self.usesTestDerivation = usesTestDerivation
            self.again = again
        }

        /// The devices' ids.
        var ids: [String] {
            guard let count else { return [id] }
            let width = max(4, "\(count)".count)
            return (1...count).map { number in
                let digits = "\(number)"
                return id + "-" + String(repeating: "0", count: width - digits.count) + digits
            }
        }
    }

    /// As many devices are enrolled with one request.
    private static let batch = 32

    /// Makes codes, enrols the devices, and prints or writes the codes: each once the device is durable.
    package static func enrol(_ order: Order, drawsQRCode: Bool, _ invocation: Invocation) async throws {
        try DeviceEnrolment.check(order.patterns)
        guard order.ids.allSatisfy({ DeviceID($0) != nil }) else {
            throw ProgramError.usage("a device's id has 1 to 64 bytes")
        }
        if order.usesTestDerivation {
            invocation.console.error(
                "WARNING: the code is stretched as for a test (--insecure-test-derivation): whoever reads the gateway's "
                    + "store can guess it")
        }
        let roster = try order.file.map { try Roster(path: $0) }
        guard case .group(.opened(let group)) = try await reply(.open, invocation),
            let groupID = GroupID(hexadecimal: group.groupID)
        else { throw ProgramError.failure("the gateway gave an answer that does not fit the question") }
        defer { invocation.console.progress(nil) }
        let printer = EnrolmentPrinter(invocation: invocation, groupID: group.groupID, drawsQRCode: drawsQRCode)
        var done = 0
        let ids = order.ids
        for start in stride(from: 0, to: ids.count, by: batch) {
            let fresh = try await provision(Array(ids[start..<min(start + batch, ids.count)]), order, groupID)
            _ = try await reply(.enrol(fresh.map(\.enrolment)), invocation)
            done += fresh.count
            try roster?.append(fresh.map { "\($0.enrolment.id) \($0.code)" })
            if roster == nil { for device in fresh { try printer.show(device) } }
            if ids.count > 1 { invocation.console.progress("\(done) of \(ids.count) devices are enrolled") }
        }
        invocation.console.progress(nil)
        if let path = order.file { try printer.show(count: done, path: path) }
    }

    /// Makes codes and what checks them, on every core: each takes 30 to 400 ms.
    private static func provision(
        _ ids: [String], _ order: Order, _ group: GroupID
    ) async throws -> [EnrolledDevice] {
        try await withThrowingTaskGroup(of: (Int, EnrolledDevice).self) { tasks in
            for (index, id) in ids.enumerated() {
                tasks.addTask { (index, try EnrolledDevice(id, order, group)) }
            }
            var made: [(Int, EnrolledDevice)] = []
            for try await one in tasks { made.append(one) }
            return made.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// Asks the running gateway, else its store, and prints the answer.
    package static func ask(_ request: GroupControlRequest, _ invocation: Invocation) async throws {
        try ResultPrinter(invocation: invocation).show(try await reply(request, invocation))
    }

    private static func reply(_ request: GroupControlRequest, _ invocation: Invocation) async throws -> ControlReply {
        try await ControlCommands.reply(to: .group(request), of: .gateway, invocation) { folder in
            try await askStore(request, folder)
        }
    }

    /// The group is in the gateway's store. Whoever changes it holds the gateway's lock, so that no gateway starts
    /// meanwhile.
    private static func askStore(_ request: GroupControlRequest, _ folder: StateFolder) async throws -> ControlReply {
        if case .open = request {
            try folder.create()
        } else if !SQLiteGatewayStore.exists(in: folder.path) {
            throw ProgramError.failure(
                "there is no group in the state folder \(folder.path); make one with: "
                    + "latchkey group enrol ID --state \(folder.path)")
        }
        let lock = try InstanceLock(besideSocket: SocketPath(folder.gatewaySocket), role: "gateway")
        defer { withExtendedLifetime(lock) {} }
        let store = try SQLiteGatewayStore(folder: folder.path)
        do {
            let reply = try await GroupControlHandler(store: store).handle(request)
            try store.close()
            return .group(reply)
        } catch {
            try? store.close()
            throw error
        }
    }
}

/// A device with the code that it is set up with.
struct EnrolledDevice: Sendable {
    let enrolment: DeviceEnrolment
    let code: String

    /// Draws a code and stretches it.
    init(_ id: String, _ order: GroupProgram.Order, _ group: GroupID) throws {
        var random = SystemRandomNumberGenerator()
        let code = SetupCode(using: &random)
        let derivation = order.usesTestDerivation ? PasswordDerivation.testOnly : .scrypt15
        guard let device = DeviceID(id), let roles = DeviceEnrolment.roles[order.role],
            let record = CredentialRecord.provision(
                id: device, code: code, groupID: group.bytes, roles: roles, derivation: derivation, using: &random),
            case .hardened(_, let verifier) = record.secret
        else { throw ProgramError.failure("no code could be made for “\(id)”") }
        self.code = code.exposedText
        enrolment = DeviceEnrolment(
            id: id, role: order.role, patterns: order.patterns, owner: order.owner ?? order.id,
            derivation: derivation.rawValue, salt: Data(record.salt), w0: Data(verifier.w0.exposed),
            l: Data(verifier.l), again: order.again)
    }
}

/// The list of many devices with their codes: `ID CODE`, a line each, for its owner's eyes only.
private struct Roster {
    let path: String
    private let file: FileHandle

    /// Makes the file. One that is there already is not touched: it may be the list of other devices.
    init(path: String) throws {
        self.path = path
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ProgramError.failure("the list \(path) cannot be made: \(String(cString: strerror(errno)))")
        }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    func append(_ lines: [String]) throws {
        do {
            try file.write(contentsOf: Data(lines.map { $0 + "\n" }.joined().utf8))
            try file.synchronize()
        } catch {
            throw ProgramError.failure("the list \(path) cannot be written: \(error.localizedDescription)")
        }
    }
}

extension GroupID {
    /// The group of these 32 digits.
    init?(hexadecimal text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 32 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: 32, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        self.init(bytes)
    }
}
