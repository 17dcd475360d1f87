import HTTPTypes
import NIOCore
public import NetworkTypes
public import UPnP

extension ControlPoint {
    /// Invokes an action at a control URL (UDA 2.0 §3.1).
    ///
    /// Calls may overlap; at most ``ControlPointConfiguration/callsPerHost`` are on their way to one host, the
    /// others wait for their turn. Cancelling the task ends the exchange and closes its connection.
    ///
    /// - Parameter link: The link that heard the device; needed for link-local IPv6 only.
    /// - Throws: `UPnPFault` when the device refuses; ``ControlPointError`` when it was not understood or
    ///   reached, and then nobody knows whether it has acted.
    public func invoke(
        _ request: ActionRequest, at url: HTTPURL, on link: InterfaceAddress? = nil
    ) async throws -> ActionResponse {
        let answer = try await post(request.serialized(), action: request.soapActionHeader, at: url, on: link)
        let result: ControlResult
        do {
            result = try ControlResult.parse(
                status: answer.status, body: answer.body.readableBytesView, limits: controlLimits)
        } catch .unexpectedStatus(let status) {
            throw ControlPointError(.httpStatus(status), "\(url) answered \(request.action) with status \(status).")
        } catch {
            throw ControlPointError(.malformed, "The answer of \(url) to \(request.action) cannot be read. \(error)")
        }
        switch result {
        case .response(let response): return response
        case .fault(let fault): throw fault
        }
    }

    /// Asks for the value of a state variable, as UDA 1.0 §3.3 has it; newer devices need not answer.
    ///
    /// - Throws: as ``invoke(_:at:on:)``.
    public func query(_ variable: String, at url: HTTPURL, on link: InterfaceAddress? = nil) async throws -> String {
        let query = StateVariableQuery(variable: variable)
        let answer = try await post(query.serialized(), action: StateVariableQuery.soapActionHeader, at: url, on: link)
        do {
            let bytes = answer.body.readableBytesView
            if answer.status == 200 { return try StateVariableAnswer(parsing: bytes, limits: controlLimits).value }
            throw try UPnPFault(parsing: bytes, limits: controlLimits)
        } catch let error as ControlError {
            if answer.status != 200 {
                throw ControlPointError(
                    .httpStatus(answer.status), "\(url) does not tell variables: status \(answer.status).")
            }
            if case .unexpectedFault = error, let fault = try? UPnPFault(parsing: answer.body.readableBytesView) {
                throw fault
            }
            throw ControlPointError(.malformed, "The answer of \(url) about \(variable) cannot be read. \(error)")
        }
    }

    private var controlLimits: XMLLimits {
        var limits = XMLLimits()
        limits.bytes = configuration.controlBytes
        limits.text = max(limits.text, limits.bytes)
        return limits
    }

    private func post(
        _ message: String, action: String, at url: HTTPURL, on link: InterfaceAddress?
    ) async throws -> (status: Int, body: ByteBuffer) {
        let (_, peer) = try links.link(to: url, heard: link)
        var request = configuration.request(.post, url)
        request.headerFields[.contentType] = "text/xml; charset=\"utf-8\""
        if let name = HTTPField.Name("SOAPACTION") { request.headerFields[name] = action }
        var limits = HTTPClientLimits()
        limits.totalTime = configuration.controlTime
        limits.headTime = configuration.controlTime
        limits.reusesForActions = true
        let limit = configuration.controlBytes
        do {
            return try await calls.withTurn(peer.address, within: configuration.controlTime) {
                try await client.withResponse(
                    request, body: ByteBuffer(string: message), to: peer, limits: limits
                ) { ($0.status.code, try await $1.collect(upTo: limit)) }
            }
        } catch let error as HTTPTransportError {
            throw ControlPointError(error, url)
        }
    }
}
