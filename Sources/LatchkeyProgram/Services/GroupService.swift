import Foundation
package import Groups
package import Logging
package import NIOCore
package import NIOUPnP
import NetworkTypes
package import SQLiteStore
import SUPnP
import ServiceLifecycle
import Synchronization

/// The secure group beside the gateway: its controller runs as soon as there is a group, and the gateway without it.
package final class GroupService: Service {
    /// How long it waits before it tries again to serve.
    private static let retryTime: Duration = .seconds(5)

    private enum Phase: Sendable {
        case none
        case serving(GroupController)
        case failed(String)
    }

    private let configuration: GatewayConfiguration
    private let store: SQLiteGatewayStore
    private let ssdp: SSDPConfiguration
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let report: @Sendable (ProgramEvent) -> Void
    private let phase = Mutex(Phase.none)
    private let existence: AsyncStream<Void>
    private let exists: AsyncStream<Void>.Continuation

    package init(
        _ configuration: GatewayConfiguration, store: SQLiteGatewayStore, ssdp: SSDPConfiguration,
        eventLoopGroup: any EventLoopGroup, logger: Logger, report: @escaping @Sendable (ProgramEvent) -> Void
    ) {
        self.configuration = configuration
        self.store = store
        self.ssdp = ssdp
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        self.report = report
        (existence, exists) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The controller, while it serves.
    package var controller: GroupController? {
        phase.withLock { if case .serving(let controller) = $0 { controller } else { nil } }
    }

    /// Why the group is not served; nil while it is.
    package var obstacle: String? {
        guard configuration.group.keyManager else { return "switched off here (group.keyManager)" }
        return phase.withLock { phase in
            switch phase {
            case .none: "not served yet"
            case .serving: nil
            case .failed(let reason): reason
            }
        }
    }

    /// A group has just been made.
    package func groupExists() { exists.yield() }

    /// Serves the group until the program is stopped. Nothing that happens to it ends the program.
    package func run() async throws {
        // The task is cancelled with the program: the members stay members.
        try? await cancelWhenGracefulShutdown {
            guard self.configuration.group.keyManager else { return try await Self.forever() }
            while true {
                try await self.serve(self.identity())
                try await Task.sleep(for: Self.retryTime)
            }
        }
    }

    private static func forever() async throws {
        while true { try await Task.sleep(for: .seconds(86_400)) }
    }

    /// The group's identity, once there is one.
    private func identity() async throws -> GroupIdentity {
        exists.yield()
        for await _ in existence {
            do {
                if let identity = try await store.groups.identity() { return identity }
            } catch {
                try Task.checkCancellation()
                failed("the group cannot be read: \(error)")
                try await Task.sleep(for: Self.retryTime)
                exists.yield()
            }
        }
        throw CancellationError()
    }

    private func serve(_ identity: GroupIdentity) async throws {
        let controller = GroupController(
            controllerConfiguration(identity), store: store.groups, eventLoopGroup: eventLoopGroup, logger: logger)
        if configuration.group.allowUnencrypted {
            report(
                ProgramEvent(
                    "group-unencrypted",
                    "WARNING: requests that are not encrypted are relayed (group.allowUnencrypted): whoever is on the "
                        + "network can read and change them"))
        }
        let reason = try await Self.end(of: {
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { try await controller.run { self.happened($0, identity, controller) } }
                group.addTask { [store] in
                    for await _ in store.changes() { controller.storeChanged() }
                    try await Self.forever()
                }
                try await group.next()
            }
        })
        failed(reason)
    }

    /// Serves until that ends, and says why it did. Throws only when this task itself is cancelled: a part that gives up
    /// with a `CancellationError` of its own ends neither the retries nor the program.
    package static func end(of serving: () async throws -> Void) async throws -> String {
        do {
            try await serving()
            try Task.checkCancellation()
            return "its controller has ended"
        } catch {
            try Task.checkCancellation()
            return error is CancellationError ? "its controller was given up" : "\(error)"
        }
    }

    private func failed(_ reason: String) {
        let isNews = phase.withLock { phase in
            defer { phase = .failed(reason) }
            if case .failed(reason) = phase { return false }
            return true
        }
        // It is tried again and again; once is enough to be told.
        guard isNews else { return }
        report(
            ProgramEvent(
                "group-failed", "the secure group is not served: \(reason); clients are, and it is tried again",
                ["reason": reason]))
    }

    private func controllerConfiguration(_ identity: GroupIdentity) -> GroupControllerConfiguration {
        let settings = configuration.group
        var controller = GroupControllerConfiguration(identity: identity, interfaces: settings.interfaces)
        controller.runsForwarder = settings.forwarder
        controller.keyManagerPort = settings.keyManagerPort
        controller.forwarderPort = settings.forwarderPort
        controller.multicastPort = settings.multicastPort
        controller.acceptsUnencrypted = settings.allowUnencrypted
        controller.registrar = settings.registrar
        controller.announcement = ssdp
        return controller
    }

    private func happened(_ event: GroupControllerEvent, _ identity: GroupIdentity, _ controller: GroupController) {
        switch event {
        case .serving: phase.withLock { $0 = .serving(controller) }
        default: break
        }
        report(ProgramEvent(event, group: identity.groupID.hexadecimal))
    }
}

extension ProgramEvent {
    init(_ event: GroupControllerEvent, group: String) {
        switch event {
        case .noLinks:
            self.init("group-waiting", "the secure group waits for a network interface that has an address")
        case .serving(let addresses):
            let list = addresses.map(\.description).joined(separator: ", ")
            self.init(
                "group-serving", "serving the secure group \(group) on \(list)", ["group": group, "address": list])
        case .notBound(let addresses):
            let list = addresses.map(\.description).joined(separator: ", ")
            self.init(
                "group-port-taken",
                "the secure group cannot have \(list): something else has the port; it is tried again, and the group is "
                    + "served elsewhere meanwhile", ["address": list])
        case .moved(let addresses):
            let list = addresses.map(\.description).joined(separator: ", ")
            self.init(
                "group-moved", "the secure group is served on \(list.isEmpty ? "no address" : list) now",
                ["group": group, "address": list])
        case .notAnnounced(let reason):
            self.init(
                "group-not-announced", "the secure group is served and not announced: \(reason)", ["reason": reason])
        case .joined(let device, let member):
            self.init(
                "group-joined", "\(device) is a member, number \(member)", ["id": "\(device)", "member": "\(member)"])
        case .departed(let device, let member):
            self.init(
                "group-departed", "\(device) is no member any more, number \(member)",
                ["id": "\(device)", "member": "\(member)"])
        case .epoch(let epoch, let members, let servers):
            self.init(
                "group-epoch", "the group is in epoch \(epoch), with \(members) members, of them \(servers) servers",
                ["epoch": "\(epoch)", "members": "\(members)", "servers": "\(servers)"])
        case .unproven(let device, let source):
            self.init(
                "group-unproven", "somebody at \(source) did not know the code of \(device)",
                ["id": "\(device)", "from": "\(source)"])
        }
    }
}
