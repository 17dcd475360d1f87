package import AccessPolicy
package import Foundation
import NetworkTypes
import Synchronization
package import TrustCore

/// Pairing that begins on the home's own network: whoever is introduced to the gateway's DeviceProtection in the time
/// that its owner has opened is given a pairing code, and redeems it as everybody else does.
///
/// The introduction proves that both ends know the PIN. Everything after it hangs on the code, whose secret has
/// 128 bits: the tunnel's pin, the certificate, its one use and its expiry.
package final class PairingIntroduction: SetupProtocol {
    /// Codes that wait to be fetched.
    private static let mostWaiting = 16

    private struct State {
        /// The code for who is introduced next.
        var next: PairingCode?
        var waiting: [DeviceProtectionID: PairingCode] = [:]
        /// The identities of those who have fetched theirs.
        var fetched: [PairingCodeID: IssuedCertificate] = [:]

        mutating func expire(_ now: Date) {
            waiting = waiting.filter { now < $0.value.expiresAt }
            let open = Set(waiting.values.map(\.id))
            fetched = fetched.filter { open.contains($0.key) }
        }
    }

    private let setup: WPSSetup
    private let now: @Sendable () -> Date
    private let state = Mutex(State())

    /// - Parameters:
    ///   - device: The gateway, by the identity of its DeviceProtection certificate.
    ///   - now: The wall clock, against which codes expire.
    package init(
        device: WPSParty, limits: WPSSetup.Limits = .init(), now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.setup = WPSSetup(device: device, limits: limits)
        self.now = now
    }

    package var name: String { setup.name }
    package var isReady: Bool { setup.isReady }

    /// Opens the time for one introduction, in place of an earlier one: until the code expires, ten minutes at most.
    /// - Returns: The PIN for the owner to tell.
    package func open(_ code: PairingCode) -> WPSPIN {
        var random = SystemRandomNumberGenerator()
        let pin = WPSPIN(using: &random)
        state.withLock { $0.next = code }
        setup.open(.pin(pin), for: .seconds(max(0, code.expiresAt.timeIntervalSince(now()))))
        return pin
    }

    package func answer(
        _ message: [UInt8], from peer: SetupPeer
    ) async throws(DeviceProtectionError) -> SetupAnswer {
        let answer = try await setup.answer(message, from: peer)
        guard answer.introduces else { return answer }
        state.withLock { state in
            state.expire(now())
            guard let code = state.next.take(), state.waiting.count < Self.mostWaiting else { return }
            state.waiting[peer.controlPoint] = code
        }
        return answer
    }

    package func closed(_ connection: UInt64) async { await setup.closed(connection) }

    /// The code of a control point that was introduced for it; nil for everybody else, and once it has expired.
    func code(forCertificate der: [UInt8]) -> PairingCode? {
        let id = DeviceProtectionID(certificateDER: der)
        return state.withLock { state in
            state.expire(now())
            guard let code = state.waiting[id] else { return nil }
            state.fetched[code.id] = try? IssuedCertificate(der: der)  // Then there is no credential to enter.
            return code
        }
    }

    /// The DeviceProtection identity that a code was given to, as a credential of the subject that the code pairs. It is
    /// entered together with the certificate of the tunnel, so that revoking the subject ends both.
    func credential(of code: PairingCodeID, subject: SubjectID, deviceName: String) -> Credential? {
        state.withLock { $0.fetched[code] }.map {
            Credential($0, subject: subject, kind: .deviceProtection, deviceName: deviceName)
        }
    }

    /// A code was redeemed.
    func redeemed(_ code: PairingCodeID) {
        state.withLock { state in
            state.fetched[code] = nil
            state.waiting = state.waiting.filter { $0.value.id != code }
        }
    }
}
