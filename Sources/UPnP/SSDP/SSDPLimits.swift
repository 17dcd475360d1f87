/// The bounds of what is read from and written to the group.
public enum SSDPLimits {
    /// The longest datagram that is looked at, bytes.
    public static let datagramBytes = 8192
    /// How many header fields are looked at.
    public static let headerCount = 64
    /// The longest ST, NT or USN, bytes (upnp.md §4.2 rule 14).
    public static let nameBytes = 256
    /// The longest LOCATION, bytes.
    public static let locationBytes = 1024
    /// The longest other value that is kept, bytes; a longer one is cut.
    public static let textBytes = 256
    /// What counts when `max-age` is missing or unreadable, seconds (UDA 2.0 §1.2.2).
    public static let defaultMaxAge = 1800
    /// The longest `max-age` that is believed, seconds: a day.
    public static let longestMaxAge = 86_400
    /// The largest BOOTID and CONFIGID.
    public static let largestID: UInt32 = 0x7FFF_FFFF
    /// The longest NLS, bytes (UDA 2.0 annex A).
    public static let localStateBytes = 64
}
