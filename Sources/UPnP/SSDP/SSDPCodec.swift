extension SSDPMessage {
    /// Reads a datagram. Unknown headers are ignored, bounds are those of ``SSDPLimits``; bad input of any
    /// kind throws and never traps.
    public init(parsing datagram: some Sequence<UInt8>) throws(SSDPError) {
        // In place where the bytes lie together, as they do in arrays and buffers.
        let result = datagram.withContiguousStorageIfAvailable { buffer in
            Result { () throws(SSDPError) in try SSDPMessage(parsing: buffer.span) }
        }
        if let result {
            self = try result.get()
        } else {
            self = try SSDPMessage(parsing: Array(datagram.prefix(SSDPLimits.datagramBytes + 1)).span)
        }
    }

    /// Reads a datagram in place: no memory is taken but for the text that the message keeps.
    public init(parsing bytes: Span<UInt8>) throws(SSDPError) {
        guard bytes.count <= SSDPLimits.datagramBytes else {
            throw .tooLarge(bytes: min(bytes.count, SSDPLimits.datagramBytes + 1))
        }
        let fields = SSDPFields(scanning: bytes)
        switch SSDPStartLine(bytes.extracting(fields.startLine)) {
        case .notify: self = try Self.notification(fields, in: bytes)
        case .search: self = .search(try SSDPSearch(fields, in: bytes))
        case .success: self = .response(try SSDPAnnouncement(fields, target: .st, in: bytes))
        case nil: throw .unknownStartLine
        }
    }

    private static func notification(_ fields: SSDPFields, in bytes: Span<UInt8>) throws(SSDPError) -> SSDPMessage {
        guard let kind = fields[.nts] else { throw .missingHeader("NTS") }
        let value = bytes.extracting(kind)
        if value.equals("ssdp:alive") {
            return .alive(try SSDPAnnouncement(fields, target: .nt, in: bytes))
        }
        if value.equals("ssdp:byebye") {
            return .byebye(
                SSDPByebye(
                    target: try fields.required(.nt, in: bytes), usn: try fields.usn(in: bytes),
                    bootID: fields.id(.bootID, in: bytes), configID: fields.id(.configID, in: bytes),
                    networkLocalState: fields.localState(in: bytes)
                )
            )
        }
        guard value.equals("ssdp:update") else { throw .malformedHeader("NTS") }
        return .update(
            SSDPUpdate(
                target: try fields.required(.nt, in: bytes), usn: try fields.usn(in: bytes),
                location: try fields.required(.location, in: bytes, limit: SSDPLimits.locationBytes),
                bootID: fields.id(.bootID, in: bytes), nextBootID: fields.id(.nextBootID, in: bytes),
                configID: fields.id(.configID, in: bytes), searchPort: fields.port(.searchPort, in: bytes),
                secureLocation: fields.optional(.secureLocation, in: bytes, limit: SSDPLimits.locationBytes),
                networkLocalState: fields.localState(in: bytes)
            )
        )
    }
}

/// The three first lines that UDA knows.
private enum SSDPStartLine {
    case notify, search, success

    init?(_ line: Span<UInt8>) {
        let first = line.word(from: 0)
        let second = line.word(from: first.upperBound)
        guard !second.isEmpty else { return nil }
        let method = line.extracting(first)
        if method.equals("NOTIFY") {
            self = .notify
        } else if method.equals("M-SEARCH") {
            self = .search
        } else if method.count > 7, method.extracting(0..<7).equals("HTTP/1."), line.extracting(second).equals("200") {
            self = .success
        } else {
            return nil
        }
    }
}

extension Span<UInt8> {
    /// The next run of bytes that are not blanks; empty at the end.
    fileprivate func word(from position: Int) -> Range<Int> {
        var start = position
        while start < count, self[start].isFieldBlank { start += 1 }
        var end = start
        while end < count, !self[end].isFieldBlank { end += 1 }
        return start..<end
    }
}

extension SSDPAnnouncement {
    fileprivate init(_ fields: SSDPFields, target: SSDPField, in bytes: Span<UInt8>) throws(SSDPError) {
        self.init(
            target: try fields.required(target, in: bytes), usn: try fields.usn(in: bytes),
            location: try fields.required(.location, in: bytes, limit: SSDPLimits.locationBytes),
            maxAge: fields.maxAge(in: bytes), server: fields.text(.server, in: bytes) ?? "",
            bootID: fields.id(.bootID, in: bytes), configID: fields.id(.configID, in: bytes),
            searchPort: fields.port(.searchPort, in: bytes),
            secureLocation: fields.optional(.secureLocation, in: bytes, limit: SSDPLimits.locationBytes),
            networkLocalState: fields.localState(in: bytes)
        )
    }
}

extension SSDPSearch {
    /// UDA 2.0 §1.3.2: MAN is required. A missing MX is legal here because only the caller knows whether the
    /// datagram was unicast; an unreadable one is not.
    fileprivate init(_ fields: SSDPFields, in bytes: Span<UInt8>) throws(SSDPError) {
        guard let man = fields[.man] else { throw .missingHeader("MAN") }
        guard bytes.extracting(man).isDiscover else { throw .malformedHeader("MAN") }
        let wait = fields.number(.mx, in: bytes)
        if fields[.mx] != nil, wait == nil { throw .malformedHeader("MX") }
        self.init(
            target: try fields.required(.st, in: bytes), maximumWait: wait,
            userAgent: fields.text(.userAgent, in: bytes), controlPointName: fields.text(.controlPointName, in: bytes),
            controlPointUUID: fields.optional(.controlPointUUID, in: bytes), tcpPort: fields.port(.tcpPort, in: bytes)
        )
    }
}

extension Span<UInt8> {
    /// `"ssdp:discover"`, which cheap stacks also write without the quotes.
    fileprivate var isDiscover: Bool {
        let isQuoted = count >= 2 && self[0] == 0x22 && self[count - 1] == 0x22
        return (isQuoted ? extracting(1..<count - 1) : self).equals("ssdp:discover")
    }
}

extension SSDPFields {
    fileprivate func usn(in bytes: Span<UInt8>) throws(SSDPError) -> USN {
        guard let usn = USN(try required(.usn, in: bytes)) else { throw .malformedHeader("USN") }
        return usn
    }

    /// NLS is 1 to 64 characters (UDA 2.0 annex A); anything else is as good as none.
    fileprivate func localState(in bytes: Span<UInt8>) -> String? {
        optional(.networkLocalState, in: bytes, limit: SSDPLimits.localStateBytes)
    }
}
