
/// What lives on the link, kept by its announcements.
public struct DeviceDirectory: Sendable {
}
