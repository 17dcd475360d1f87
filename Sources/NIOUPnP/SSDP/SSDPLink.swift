internal import Logging
internal import NIOCore
internal import NetworkTypes
internal import UPnP

/// Keeps an ``SSDPSocket`` open on whatever IPv4 address an interface has.
struct SSDPLink: Sendable {
    var interfaceName: String
    var role: SSDPSocket.Role
    var configuration: SSDPConfiguration
    var eventLoop: any EventLoop
    var logger: Logger
    /// Called on the event loop.
    var receive: @Sendable (SSDPMessage, SSDPDatagram, InterfaceAddress) -> Void
    /// A socket is open; nil: the interface has no address any more.
    var changed: @Sendable (SSDPSocket?) -> Void

    /// Works until cancelled, then returns after `closing`. Throws when the interface does not exist or
    /// carries no multicast at the start; later troubles are waited out.
    func run(closing: @Sendable () -> Void) async throws {
        var socket: SSDPSocket?
        defer {
            closing()
            changed(nil)
            socket?.close()
        }
        guard try NetworkInterface.named(interfaceName).supportsMulticast else {
            throw SSDPDriverError.noMulticast(interface: interfaceName)
        }
        var isFirst = true
        while !Task.isCancelled {
            let address = (try? NetworkInterface.named(interfaceName))?.ipv4
            if let open = socket, open.interface != address || open.isClosed {
                open.close()
                socket = nil
                changed(nil)
            }
            if let address, socket == nil {
                do {
                    socket = try await open(on: address)
                    changed(socket)
                } catch let error where !isFirst {
                    logger.warning(
                        "cannot open the discovery sockets; trying again",
                        metadata: ["ssdp.interface": "\(interfaceName)", "error": "\(error)"]
                    )
                }
            } else if address == nil, isFirst {
                logger.warning(
                    "interface has no IPv4 address; discovery begins when it gets one",
                    metadata: ["ssdp.interface": "\(interfaceName)"]
                )
            }
            isFirst = false
            do { try await Task.sleep(for: configuration.addressPollInterval) } catch { break }
        }
    }

    private func open(on address: InterfaceAddress) async throws -> SSDPSocket {
        let ownTraffic = configuration.ownTraffic
        return try await SSDPSocket(
            interface: address, role: role, configuration: configuration, eventLoopGroup: eventLoop, logger: logger
        ) { [receive, logger] datagram in
            do {
                let message = try SSDPMessage(parsing: datagram.bytes)
                guard !ownTraffic.isOwn(message, from: datagram.source) else { return }
                receive(message, datagram, address)
            } catch {
                logger.trace(
                    "ignored a datagram",
                    metadata: ["peer.address": "\(datagram.source)", "error": "\(error)"]
                )
            }
        }
    }
}
