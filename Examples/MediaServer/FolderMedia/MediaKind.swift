/// What a file is, by the end of its name.
public struct MediaKind: Hashable, Sendable {
    /// The media type, such as `audio/mpeg`.
    public var mediaType: String
    /// The class of ContentDirectory, such as `object.item.audioItem.musicTrack`.
    public var objectClass: String
    /// Whether a picture can be made of it.
    public var hasPicture: Bool

    /// The kind of a file with that name; nil for one that is not served.
    public init?(fileName: String) {
        guard let dot = fileName.lastIndex(of: "."), let kind = Self.known[fileName[dot...].dropFirst().lowercased()]
        else { return nil }
        self = kind
    }

    private init(_ mediaType: String) {
        self.mediaType = mediaType
        let family = mediaType.prefix { $0 != "/" }
        switch family {
        case "audio": objectClass = "object.item.audioItem.musicTrack"
        case "video": objectClass = "object.item.videoItem"
        default: objectClass = "object.item.imageItem.photo"
        }
        hasPicture = family != "audio"
    }

    /// Every media type that is served, for `GetProtocolInfo`.
    public static var mediaTypes: [String] { Set(known.values.map(\.mediaType)).sorted() }

    private static let known: [String: MediaKind] = [
        "mp3": "audio/mpeg", "m4a": "audio/mp4", "aac": "audio/aac", "flac": "audio/flac", "ogg": "audio/ogg",
        "oga": "audio/ogg", "opus": "audio/ogg", "wav": "audio/wav", "wma": "audio/x-ms-wma",
        "mp4": "video/mp4", "m4v": "video/mp4", "mkv": "video/x-matroska", "webm": "video/webm", "avi": "video/avi",
        "mov": "video/quicktime", "mpg": "video/mpeg", "mpeg": "video/mpeg", "ts": "video/mp2t", "ogv": "video/ogg",
        "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp",
    ].mapValues { MediaKind($0) }
}
