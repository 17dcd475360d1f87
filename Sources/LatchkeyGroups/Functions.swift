// swift-format-ignore-file: AlwaysUseLowerCamelCase, AllPublicDeclarationsHaveDocumentation

public import CLatchkeyGroups
internal import Groups
internal import NIOUPnP
internal import NetworkTypes

// The functions of latchkey_groups.h. What each of them does, and what it takes, is said there.

@c @implementation
public func latchkey_status_text(_ status: latchkey_status) -> UnsafePointer<CChar> {
    // The literals are there for ever, and end with a zero.
    UnsafeRawPointer(status.words.utf8Start).assumingMemoryBound(to: CChar.self)
}

@c @implementation
public func latchkey_groups_version() -> UInt32 { LATCHKEY_GROUPS_VERSION }

// MARK: The membership

@c @implementation
public func latchkey_group_open(
    _ options: UnsafePointer<latchkey_group_options>?, _ group: UnsafeMutablePointer<OpaquePointer?>?
) -> latchkey_status {
    guard let group else { return LATCHKEY_INVALID }
    group.pointee = nil
    // What this version knows; a program of a later one has more, and of an earlier one there is none yet.
    guard let options, options.pointee.size >= MemoryLayout<latchkey_group_options>.size else {
        return LATCHKEY_INVALID
    }
    do {
        let handle = GroupHandle(try GroupMember(try GroupMemberConfiguration(options.pointee)))
        let (callback, context) = (options.pointee.on_event, CContext(pointer: options.pointee.context))
        group.pointee = HandleTable.add(handle)
        handle.start { event in
            guard let callback else { return }
            event.withC { callback(context.pointer, $0) }
        }
        return LATCHKEY_OK
    } catch {
        return latchkey_status(error)
    }
}

@c @implementation
public func latchkey_group_wait(_ group: OpaquePointer?, _ milliseconds: UInt32) -> latchkey_status {
    guard let handle = HandleTable.find(group), !handle.callbacks.isCurrent else { return LATCHKEY_INVALID }
    return handle.wait(.milliseconds(Int64(milliseconds)))
}

@c @implementation
public func latchkey_group_close(_ group: OpaquePointer?) {
    // Found by a second caller until it is closed, so that no callback comes after either call.
    HandleTable.find(group)?.close()
    HandleTable.remove(group)
}

@c @implementation
public func latchkey_group_services(
    _ group: OpaquePointer?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int
) -> Int {
    guard let handle = HandleTable.find(group) else { return 0 }
    let bytes = handle.member.services.map { $0 + "\n" }.joined().utf8CString
    if let buffer, capacity > 0 {
        let count = min(capacity, bytes.count)
        for index in 0..<count { buffer[index] = bytes[index] }
        buffer[count - 1] = 0
    }
    return bytes.count
}

extension GroupMemberConfiguration {
    /// - Throws: ``GroupError`` of the kind `invalid`.
    fileprivate init(_ options: latchkey_group_options) throws(GroupError) {
        guard let id = options.id.flatMap({ String(validatingCString: $0) }),
            let code = options.setup_code.flatMap({ String(validatingCString: $0) })
        else { throw GroupError(.invalid, "no id or no code") }
        self.init(id: id, setupCode: code)
        if let names = options.interfaces {
            interfaces = .named(String(cString: names).split(separator: ",").map(String.init))
        }
        switch options.family {
        case 0: families = .both
        case 4: families = .ipv4
        case 6: families = .ipv6
        default: throw GroupError(.invalid, "the family is 0, 4 or 6")
        }
        if let text = options.controller {
            guard let endpoint = SocketEndpoint(String(cString: text)) else {
                throw GroupError(.invalid, "the controller is no address and port")
            }
            controller = endpoint
        }
        keepFile = options.keep_file.map { String(cString: $0) }
        patience = options.patience_ms == 0 ? nil : .milliseconds(Int64(options.patience_ms))
        if options.ssdp_port != 0 { ssdp.group.port = options.ssdp_port }
        takesTestDerivation = options.takes_test_derivation
    }
}

// MARK: Asking

@c @implementation
public func latchkey_group_request(
    _ group: OpaquePointer?, _ service: UnsafePointer<CChar>?, _ payload: UnsafeRawPointer?, _ length: Int,
    _ window_ms: UInt32, _ maximum_answers: UInt32, _ callback: latchkey_update_callback?,
    _ context: UnsafeMutableRawPointer?, _ request: UnsafeMutablePointer<UInt64>?
) -> latchkey_status {
    guard let handle = HandleTable.find(group), let name = text(service), let bytes = bytes(payload, length),
        (50...30_000).contains(window_ms), maximum_answers <= 63
    else { return LATCHKEY_INVALID }
    let asked = handle.member.request(
        name, bytes, window: .milliseconds(Int64(window_ms)), maximumAnswers: Int(maximum_answers))
    let (context, callbacks) = (CContext(pointer: context), handle.callbacks)
    let number = handle.begin { number in
        @Sendable func tell(_ update: CUpdate) async {
            guard let callback, !Task.isCancelled else { return }
            await callbacks.deliver { update.withC { callback(context.pointer, $0) } }
        }
        do {
            for try await update in asked.updates { await tell(CUpdate(update, of: number)) }
        } catch {
            await tell(CUpdate(failed: error, of: number))
        }
    }
    guard let number else { return LATCHKEY_INVALID }
    request?.pointee = number
    return LATCHKEY_OK
}

@c @implementation
public func latchkey_group_announce(
    _ group: OpaquePointer?, _ service: UnsafePointer<CChar>?, _ payload: UnsafeRawPointer?, _ length: Int,
    _ callback: latchkey_update_callback?, _ context: UnsafeMutableRawPointer?
) -> latchkey_status {
    guard let handle = HandleTable.find(group), let name = text(service), let bytes = bytes(payload, length) else {
        return LATCHKEY_INVALID
    }
    let (context, callbacks, member) = (CContext(pointer: context), handle.callbacks, handle.member)
    let number = handle.begin { number in
        var last = CUpdate(announced: number)
        do { try await member.announce(name, bytes) } catch { last = CUpdate(failed: error, of: number) }
        guard let callback, !Task.isCancelled else { return }
        let update = last
        await callbacks.deliver { update.withC { callback(context.pointer, $0) } }
    }
    return number == nil ? LATCHKEY_INVALID : LATCHKEY_OK
}

@c @implementation
public func latchkey_group_cancel(_ group: OpaquePointer?, _ request: UInt64) -> latchkey_status {
    HandleTable.find(group)?.cancel(request) == true ? LATCHKEY_OK : LATCHKEY_INVALID
}

// MARK: Answering

@c @implementation
public func latchkey_group_serve(
    _ group: OpaquePointer?, _ service: UnsafePointer<CChar>?, _ callback: latchkey_inbound_callback?,
    _ context: UnsafeMutableRawPointer?
) -> latchkey_status {
    guard let handle = HandleTable.find(group), let name = text(service), let callback else {
        return LATCHKEY_INVALID
    }
    let context = CContext(pointer: context)
    let isServed = handle.serve(name) { number, request in
        request.service.withCString { service in
            request.payload.withUnsafeBufferPointer { bytes in
                var inbound = latchkey_inbound(
                    size: MemoryLayout<latchkey_inbound>.size, request: number, service: service,
                    client: request.client, payload: bytes.isEmpty ? nil : bytes.baseAddress, length: bytes.count)
                callback(context.pointer, &inbound)
            }
        }
    }
    return isServed ? LATCHKEY_OK : LATCHKEY_INVALID
}

@c @implementation
public func latchkey_group_stop_serving(
    _ group: OpaquePointer?, _ service: UnsafePointer<CChar>?
) -> latchkey_status {
    guard let name = text(service), HandleTable.find(group)?.stopServing(name) == true else {
        return LATCHKEY_INVALID
    }
    return LATCHKEY_OK
}

@c @implementation
public func latchkey_group_answer(
    _ group: OpaquePointer?, _ request: UInt64, _ payload: UnsafeRawPointer?, _ length: Int, _ is_last: Bool
) -> latchkey_status {
    guard let bytes = bytes(payload, length),
        HandleTable.find(group)?.answer(request, bytes, isLast: is_last) == true
    else { return LATCHKEY_INVALID }
    return LATCHKEY_OK
}

/// A service's name, if it may be one.
private func text(_ text: UnsafePointer<CChar>?) -> String? {
    guard let text = text.flatMap({ String(validatingCString: $0) }) else { return nil }
    return GroupMember.isServiceName(text) ? text : nil
}

/// A copy of a payload; nil when there is none or it is too long.
private func bytes(_ payload: UnsafeRawPointer?, _ length: Int) -> [UInt8]? {
    guard (0...GroupMember.longestPayload).contains(length) else { return nil }
    guard length > 0 else { return [] }
    return payload.map { Array(UnsafeRawBufferPointer(start: $0, count: length)) }
}
