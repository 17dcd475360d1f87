/// Limits and timing of a ``DeviceDirectory``.
public struct DeviceDirectoryLimits: Sendable, Hashable {
    /// How many root devices are known at once.
    public var devices = 256
    /// How many root devices one address may announce.
    public var devicesPerSource = 64
    /// How many embedded devices a root device may have.
    public var embeddedPerDevice = 32
    /// How long after its sending a datagram may still arrive: reordering, duplicates.
    public var reorderWindow: Duration = .seconds(1)
    /// How long a device is given to answer the search that asks whether it is still there: MX and some.
    public var verificationTime: Duration = .seconds(2)
    /// How long a claim on a UDN that was found wrong is not looked into again.
    public var contestInterval: Duration = .seconds(30)

    /// Defaults for a home network.
    public init() {}
}
