import NIOPosix
import NIOUPnP
import UPnP

/// A control point for the length of one command.
struct ControlPointTools: Sendable {
    let controlPoint: ControlPoint
    private let console: Console

    /// Runs a control point on the configured interfaces while `body` works, and ends its subscriptions after.
    static func run<Value: Sendable>(
        _ invocation: Invocation, discovers: Bool,
        _ body: @escaping @Sendable (ControlPointTools) async throws -> Value
    ) async throws -> Value {
        let settings = invocation.settings
        var ssdp = SSDPConfiguration(
            group: try SSDPSettings(settings).group, families: try settings.upnpFamilies())
        ssdp.userAgent = ControlPointConfiguration().userAgent
        var configuration = ControlPointConfiguration(interfaces: try settings.upnpInterfaces(), ssdp: ssdp)
        if discovers { try check(configuration) }
        configuration.discovers = discovers
        let controlPoint = ControlPoint(
            configuration: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: invocation.logger("upnp")
        )
        let tools = ControlPointTools(controlPoint: controlPoint, console: invocation.console)
        defer { invocation.console.progress(nil) }
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                try await controlPoint.run()
                return nil
            }
            group.addTask { try await body(tools) }
            while let result = try await group.next() {
                guard let result else { continue }
                group.cancelAll()
                try await group.waitForAll()
                return result
            }
            throw CancellationError()
        }
    }

    /// Refuses to search where nothing can answer, with what to do.
    private static func check(_ configuration: ControlPointConfiguration) throws {
        let interfaces = try NetworkInterface.all()
        guard configuration.interfaces.links(of: interfaces, families: configuration.families).isEmpty else { return }
        switch configuration.interfaces {
        case .privateNetworks:
            let names = interfaces.filter { !$0.isLoopback }.map(\.name).joined(separator: ", ")
            throw ProgramError.failure(
                "no interface of this host is in a private network; name one with --interface: \(names)")
        case .named(let names):
            if names.count == 1 { _ = try DefaultInterface.resolve(names[0], from: InterfaceFacts.all()) }
        // Several may come up while the command runs.
        }
    }

    /// The root device that is meant, and the device in it.
    ///
    /// A URL is read directly; a UDN or a name is searched for until `timeout`.
    func find(_ selector: DeviceSelector, timeout: Duration) async throws -> Found {
        if case .location(let url) = selector {
            let root = try await Self.explaining("the device cannot be read") { try await controlPoint.device(at: url) }
            return Found(root: root, device: root.description.device)
        }
        console.progress("searching for \(selector) …")
        defer { console.progress(nil) }
        // An embedded device is found with its root, and a root makes itself known as such alone.
        let target = SearchTarget.rootDevice
        let found = try await withTimeLimit(timeout) { () -> Found? in
            controlPoint.sendSearch(target, maximumWait: 1)
            for await change in controlPoint.changes {
                guard case .appeared(let root) = change, let device = selector.device(in: root.description.device)
                else { continue }
                return Found(root: root, device: device)
            }
            return nil
        }
        guard let found = found.flatMap({ $0 }) else {
            throw ProgramError.failure(
                "no device answers to “\(selector)” within \(timeout); "
                    + "list them with: latchkey upnp search"
            )
        }
        return found
    }

    /// A device and the root that it belongs to.
    struct Found: Sendable {
        var root: RootDevice
        var device: DeviceDescription

        /// The service that is meant.
        func service(_ name: String, _ tools: ControlPointTools) throws -> ServiceProxy {
            do {
                return try DeviceProxy(root, description: device, controlPoint: tools.controlPoint).service(name)
            } catch {
                throw ProgramError.failure(error.message)
            }
        }
    }

    /// Runs `body` and makes a sentence of what a device or the network did.
    static func explaining<Value>(
        _ what: String, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let fault as UPnPFault {
            let text =
                fault.description.isEmpty ? fault.code.standardDescription ?? "no description" : fault.description
            throw ProgramError.failure("\(what): UPnP error \(fault.code.rawValue), \(text)")
        } catch let error as ControlPointError {
            throw ProgramError.failure("\(what): \(error.message)")
        }
    }
}

extension ControlPointTools {
    /// The descriptions of all services, or why one could not be read.
    func scpds(of found: Found) async -> [HTTPURL: Result<SCPD, ProgramError>] {
        var scpds: [HTTPURL: Result<SCPD, ProgramError>] = [:]
        let udns = Set(found.device.allDevices.map(\.udn))
        for service in found.root.services where udns.contains(service.udn) {
            guard let url = service.scpdURL, scpds[url] == nil else { continue }
            do {
                scpds[url] = .success(try await controlPoint.scpd(of: service, in: found.root))
            } catch {
                scpds[url] = .failure(.failure("\(error)"))
            }
        }
        return scpds
    }
}
