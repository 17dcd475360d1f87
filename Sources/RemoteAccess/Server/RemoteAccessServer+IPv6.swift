import NetworkTypes
import Synchronization

extension RemoteAccessServer {
    /// How often own addresses are looked at.
    private static let lookInterval = Duration.seconds(3)

    /// Serves clients over QUIC at each of these addresses, and not at the unspecified one: the kernel would choose the source
    /// of answers, perhaps a temporary address that the client has not asked.
    func followIPv6(
        _ addresses: @escaping @Sendable () -> [IPAddress], port: UInt16,
        _ onEvent: @escaping @Sendable (Event) -> Void
    ) async {
        let served = ServedAddresses()
        await withDiscardingTaskGroup { group in
            repeat {
                for address in addresses() where served.begin(address) {
                    group.addTask {
                        await self.serve(SocketEndpoint(address, port: port), while: addresses, onEvent)
                        served.end(address)
                    }
                }
            } while (try? await Task.sleep(for: Self.lookInterval)) != nil
            group.cancelAll()
        }
    }

    /// Until the address is gone.
    private func serve(
        _ endpoint: SocketEndpoint, while addresses: @escaping @Sendable () -> [IPAddress],
        _ onEvent: @escaping @Sendable (Event) -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await self.listenQUIC(on: endpoint, onEvent)
                // What cannot be served is not tried again at once.
                try? await Task.sleep(for: .seconds(60))
            }
            group.addTask {
                repeat {
                    guard (try? await Task.sleep(for: Self.lookInterval)) != nil else { return }
                } while addresses().contains(endpoint.address)
            }
            await group.next()
            group.cancelAll()
        }
    }
}

/// The addresses that are served at the moment.
private final class ServedAddresses: Sendable {
    private let addresses = Mutex<Set<IPAddress>>([])

    /// False for one that is served already.
    func begin(_ address: IPAddress) -> Bool { addresses.withLock { $0.insert(address).inserted } }

    func end(_ address: IPAddress) { addresses.withLock { _ = $0.remove(address) } }
}
