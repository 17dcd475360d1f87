import Foundation
import Logging
import NIOCore
import NIOTunnel
import NetworkTypes
import Reachability
import RemoteAccess
import Synchronization
import TrustCore

/// Finds the gateway again when none of its addresses answers any more: by what it has told while it was reached.
final class GatewayFinding: Sendable {
    /// Nothing is looked up before the client was without its gateway for that long.
    private static let patience = Duration.seconds(5)
    private static let firstPause = Duration.seconds(15)
    private static let longestPause = Duration.seconds(600)

    private let file: String
    private let finder: AddressFinder
    private let gateway: @Sendable () -> PairedGateway
    private let found: @Sendable ([GatewayAddress]) async -> Void
    private let report: @Sendable (ProgramEvent) -> Void
    private let logger: Logger
    private let state: Mutex<State>

    private struct State {
        var instructions: FindingInstructions?
        var lostAt: ContinuousClock.Instant? = .now
        var tried: [String] = []
    }

    init(
        file: String, nameServer: SocketEndpoint?, roots: String?, gateway: @escaping @Sendable () -> PairedGateway,
        found: @escaping @Sendable ([GatewayAddress]) async -> Void,
        report: @escaping @Sendable (ProgramEvent) -> Void, eventLoopGroup: any EventLoopGroup, logger: Logger
    ) throws {
        self.file = file
        self.gateway = gateway
        self.found = found
        self.report = report
        self.logger = logger
        let web = WebClient(tls: try WebTLS(rootsFile: roots), eventLoopGroup: eventLoopGroup, logger: logger)
        finder = AddressFinder(
            web: web,
            nameServer: (nameServer ?? NameServer.ofSystem()).map { NameServer($0, eventLoopGroup: eventLoopGroup) })
        let data = FileManager.default.contents(atPath: file)
        state = Mutex(
            State(instructions: data.flatMap { try? JSONDecoder().decode(FindingInstructions.self, from: $0) }))
    }

    /// What is known of how the gateway is found again.
    func judge(_ report: inout DoctorReport) {
        let (instructions, tried) = state.withLock { ($0.instructions, $0.tried) }
        report.attempts += tried.map { .init(what: "address record", result: $0, works: $0.contains(": record ")) }
        guard instructions?.name == nil, instructions?.push == nil else { return }
        report.advice.append(
            "If every address of the gateway changes, this client will not find it again: its owner can configure dynamic DNS or a push address there."
        )
    }

    /// The carrier stands, or it does not any more.
    func connected(_ isConnected: Bool) {
        state.withLock { $0.lostAt = isConnected ? nil : $0.lostAt ?? .now }
    }

    /// Takes over what the gateway says of itself over a carrier, for the time when there is none.
    func learn(_ answer: AddressAnswer) async {
        let addresses = answer.addresses.prefix(AddressRecord.maximumAddresses).compactMap { GatewayAddress($0) }
        let known = gateway().addresses
        // What was known besides stays behind it: the way in at home, and relays.
        let merged = Array(
            (addresses + known.filter { !addresses.contains($0) }).prefix(AddressRecord.maximumAddresses))
        if !addresses.isEmpty, merged != known { await found(merged) }
        guard AddressRecordKey(rawRepresentation: answer.key) != nil else { return }
        let last = state.withLock { $0.instructions?.sequence ?? 0 }
        keep(
            FindingInstructions(
                key: answer.key, name: answer.name, push: answer.push, sequence: max(answer.sequence, last)))
    }

    private func keep(_ instructions: FindingInstructions) {
        let isNews = state.withLock { state in
            defer { state.instructions = instructions }
            return state.instructions != instructions
        }
        guard isNews else { return }
        do {
            try JSONEncoder().encode(instructions).write(to: URL(fileURLWithPath: file), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        } catch {
            logger.warning("how the gateway is found again could not be kept", metadata: ["error": "\(error)"])
        }
    }

    /// Looks while there is no carrier, until cancelled.
    func run() async {
        var pause = Self.firstPause
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            let (instructions, lostAt) = state.withLock { ($0.instructions, $0.lostAt) }
            guard let lostAt, let instructions, instructions.name != nil || instructions.push != nil else {
                pause = Self.firstPause
                continue
            }
            guard lostAt.duration(to: .now) >= Self.patience else { continue }
            await look(instructions)
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            pause = min(pause * 2, Self.longestPause)
        }
    }

    private func look(_ instructions: FindingInstructions) async {
        let known = gateway()
        let (record, tried) = await finder.find(instructions, pins: known.pins, now: Date())
        logger.debug("looked for the gateway", metadata: ["tried": "\(tried.joined(separator: "; "))"])
        state.withLock { $0.tried = tried }
        guard let record else { return }
        var next = instructions
        next.sequence = record.sequence
        keep(next)
        guard !known.addresses.starts(with: record.addresses) else { return }
        // The old ones stay behind the new ones: the record may be of a network that is not ours.
        let addresses = (record.addresses + known.addresses.filter { !record.addresses.contains($0) })
            .prefix(AddressRecord.maximumAddresses)
        await found(Array(addresses))
        let list = record.addresses.map(\.description).joined(separator: ", ")
        report(
            ProgramEvent("gateway-found", "the gateway has moved, and says that it is at \(list)", ["addresses": list]))
    }
}
