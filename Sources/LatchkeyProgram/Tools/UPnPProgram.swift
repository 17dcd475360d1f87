import NIOUPnP
import UPnP
import UnixSignals

/// One argument of an action, as it was typed.
package struct NamedValue: Codable, Hashable, Sendable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// `latchkey upnp …`, beyond its arguments.
package enum UPnPProgram {
    /// Lists the devices that answer a search, for as long as `timeout`.
    package static func search(_ target: String, timeout: Duration, _ invocation: Invocation) async throws {
        let target = SearchTarget(target)
        if case .other(let text) = target {
            throw ProgramError.usage(
                "“\(text)” cannot be searched for; ssdp:all, upnp:rootdevice, uuid:… or urn:…:VERSION is expected"
            )
        }
        let console = invocation.console
        let found = try await ControlPointTools.run(invocation, discovers: true) { tools in
            let list = FoundDevices()
            _ = try await withTimeLimit(timeout) {
                tools.controlPoint.sendSearch(target, maximumWait: Int(max(1, min(5, timeout.components.seconds - 1))))
                console.progress("searching …")
                for await change in tools.controlPoint.changes {
                    guard case .appeared(let root) = change else { continue }
                    let new = list.add(FoundDevice.matching(target, in: root))
                    if invocation.json { try new.forEach(console.json) }
                    console.progress("searching, found \(list.all.count) …")
                }
            }
            return list.all
        }
        guard !invocation.json else { return }
        guard !found.isEmpty else { return console.line("nothing answered within \(timeout)") }
        Table(
            ["TYPE", "NAME", "LOCATION", "UDN"],
            rows: found.map { [$0.type, $0.name, $0.location, $0.udn] }
        ).lines.forEach(console.line)
    }

    /// Shows a device's tree.
    package static func describe(_ device: String, timeout: Duration, _ invocation: Invocation) async throws {
        let selector = DeviceSelector(device)
        let tree = try await ControlPointTools.run(invocation, discovers: selector.isSearched) { tools in
            let found = try await tools.find(selector, timeout: timeout)
            invocation.console.progress("reading \(found.device.friendlyName) …")
            return DeviceTree(
                found.device, base: found.root.base, location: found.root.location,
                scpds: await tools.scpds(of: found)
            )
        }
        if invocation.json { return try invocation.console.json(tree) }
        tree.lines.forEach(invocation.console.line)
    }

    /// Invokes an action and prints what it answers.
    package static func invoke(
        _ action: String, of service: String, on device: String, _ arguments: [NamedValue], timeout: Duration,
        _ invocation: Invocation
    ) async throws {
        let selector = DeviceSelector(device)
        let answer = try await ControlPointTools.run(invocation, discovers: selector.isSearched) { tools in
            let found = try await tools.find(selector, timeout: timeout)
            let service = try found.service(service, tools)
            let scpd = try await ControlPointTools.explaining("the service's description cannot be read") {
                try await service.scpd()
            }
            let request = try TypedAction.request(action, of: service.serviceType, arguments, scpd: scpd)
            invocation.console.progress("invoking \(action) …")
            let response = try await ControlPointTools.explaining("“\(found.device.friendlyName)” refused \(action)") {
                try await service.invoke(request)
            }
            return ActionAnswer(action: action, response: response, scpd: scpd)
        }
        if invocation.json { return try invocation.console.json(answer) }
        guard !answer.results.isEmpty else { return invocation.console.line("done") }
        for result in answer.results { invocation.console.text("\(result.name): \(result.text)") }
    }

    /// Prints a service's events until a signal, or until there were `count`.
    package static func subscribe(
        to service: String, on device: String, count: Int?, timeout: Duration, _ invocation: Invocation
    ) async throws {
        let selector = DeviceSelector(device)
        try await ControlPointTools.run(invocation, discovers: true) { tools in
            let found = try await tools.find(selector, timeout: timeout)
            let service = try found.service(service, tools)
            let subscription = try await ControlPointTools.explaining("the subscription failed") {
                try await service.subscribe()
            }
            await withDiscardingTaskGroup { group in
                group.addTask {
                    for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { break }
                    await subscription.cancel()
                }
                await print(subscription.events, count: count, invocation)
                await subscription.cancel()
                group.cancelAll()
            }
        }
    }

    private static func print(
        _ events: AsyncStream<DeviceEvent>, count: Int?, _ invocation: Invocation
    ) async {
        var printed = 0
        for await event in events {
            EventLine(event).show(invocation)
            printed += 1
            if printed == count || invocation.console.isOutputClosed { return }
        }
    }
}

extension DeviceSelector {
    /// Whether the device has to be searched for; one that is named by its URL is just read.
    var isSearched: Bool { if case .location = self { false } else { true } }
}
