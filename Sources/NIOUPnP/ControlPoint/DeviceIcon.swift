public import NIOCore
public import UPnP

/// A picture of a device, as read.
public struct DeviceIcon: Hashable, Sendable {
    /// What the device's description says of it.
    public var description: IconDescription
    /// The media type that it came with, else the described one.
    public var mimeType: String
    /// The file. It comes from the network: decode it with care.
    public var bytes: ByteBuffer
}

extension DeviceProxy {
    /// Reads the device's picture: of its icons of that media type, the smallest that is at least `width`
    /// pixels wide, else the largest.
    ///
    /// - Returns: nil when the device has no such icon.
    /// - Throws: ``ControlPointError`` when it has one that cannot be read.
    public func icon(width: Int = 48, mimeType: String? = nil) async throws -> DeviceIcon? {
        let icons = description.icons.filter { mimeType == nil || $0.mimeType == mimeType }
            .sorted { $0.width < $1.width }
        guard let icon = icons.first(where: { $0.width >= width }) ?? icons.last else { return nil }
        return try await controlPoint.icon(icon, of: controlPoint.device(udn: root.udn) ?? root)
    }
}
