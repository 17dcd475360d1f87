internal import Logging
internal import NIOCore
internal import NIOPosix
internal import NetworkTypes
internal import Synchronization

/// Sends answers over TCP to those that asked for it (UDA 2.0 §1.3.3, TCPPORT): a connection for each answer,
/// from the link's own address, and nothing is read from it.
///
/// An asker can name any port of its own, so connections are few and short. Those beyond the bounds are not made.
final class AnswerStreams: Sendable {
    /// How many connections there are at one time.
    static let maximumConnections = 32
    /// How many of them go to one host.
    static let maximumConnectionsPerHost = 4
    /// How long a connection may take to open, and how long to take what is sent.
    static let time = TimeAmount.seconds(2)

    private let eventLoop: any EventLoop
    private let logger: Logger
    private let open = Mutex<[IPAddress: Int]>([:])

    init(eventLoop: any EventLoop, logger: Logger) {
        self.eventLoop = eventLoop
        self.logger = logger
    }

    func send(_ bytes: [UInt8], to destination: SocketEndpoint, from link: InterfaceAddress) {
        guard let own = try? link.endpoint(port: 0).socketAddress(), let peer = try? destination.socketAddress(),
            reserve(destination.address)
        else { return }
        let connecting = ClientBootstrap(group: eventLoop)
            .bind(to: own)
            .connectTimeout(Self.time)
            .channelOption(.autoRead, value: false)
            .connect(to: peer)
        connecting.whenComplete { [self] result in
            switch result {
            case .success(let channel):
                let end = eventLoop.scheduleTask(in: Self.time) { channel.close(promise: nil) }
                channel.closeFuture.whenComplete { [self] _ in
                    end.cancel()
                    release(destination.address)
                }
                channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { _ in channel.close(promise: nil) }
            case .failure(let error):
                logger.debug("an answer over TCP was not taken", metadata: ["error": "\(error)"])
                release(destination.address)
            }
        }
    }

    private func reserve(_ host: IPAddress) -> Bool {
        open.withLock {
            let own = $0[host, default: 0]
            guard own < Self.maximumConnectionsPerHost, $0.values.reduce(0, +) < Self.maximumConnections else {
                return false
            }
            $0[host] = own + 1
            return true
        }
    }

    private func release(_ host: IPAddress) {
        open.withLock {
            let left = $0[host, default: 1] - 1
            $0[host] = left > 0 ? left : nil
        }
    }
}
