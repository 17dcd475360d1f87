import GroupKeys

@testable import SUPnP

/// Every datagram that has crossed the network, sorted by what can be tried on it. All of it is public.
struct WireRecord {
    /// A controller's process, from which pairwise keys and forwarders' keys are derived.
    struct Process: Hashable {
        let controller: ControllerID
        let boot: BootID
    }

    /// A sealed REG_DONE, with what its AEAD authenticates: the transcript that was seen with it.
    struct Done {
        let device: DeviceID
        let transcript: [UInt8]
        let sealed: [UInt8]
    }

    private(set) var pairwise: [UnverifiedMessage] = []
    private(set) var broadcasts: [UnverifiedMessage] = []
    private(set) var rekeys: [RekeyPacket] = []
    private(set) var processes: Set<Process> = []
    private(set) var dones: [Done] = []

    init(_ datagrams: [[UInt8]]) {
        var runs: [Run: [MessageType: Set<[UInt8]>]] = [:]
        for datagram in Set(datagrams) {
            switch DatagramClass(datagram) {
            case .sealed:
                guard let message = try? UnverifiedMessage(datagram) else { continue }
                if message.envelope.keyKind == .pairwise {
                    pairwise.append(message)
                } else {
                    broadcasts.append(message)
                }
            case .clear(_, .rekey):
                if let packet = try? UnverifiedRekeyPacket(datagram) { rekeys.append(packet.fields) }
            case .clear(let header, let type):
                let body = Array(datagram.dropFirst(WireSizes.header))
                guard let message = try? ControlMessage.decode(body) else { continue }
                if type == .beacon { addProcesses(message[.boots] ?? []) }
                guard let device = message[.deviceID] else { continue }
                runs[Run(device: device, sequence: header.nonce), default: [:]][type, default: []].insert(body)
            case .plain, .refused: continue
            }
        }
        for (run, bodies) in runs { addDones(run, bodies) }
    }

    private struct Run: Hashable {
        let device: [UInt8]
        let sequence: UInt16
    }

    private mutating func addProcesses(_ bytes: [UInt8]) {
        for start in stride(from: 0, to: bytes.count - 19, by: 20) {
            guard let number: UInt32 = PathElements.integer(Array(bytes[start..<start + 4])),
                let controller = ControllerID(number), let boot = BootID(bytes[start + 4..<start + 20])
            else { continue }
            processes.insert(Process(controller: controller, boot: boot))
        }
    }

    /// All transcripts that the bodies of a run can make: a repeated message may have another body.
    private mutating func addDones(_ run: Run, _ bodies: [MessageType: Set<[UInt8]>]) {
        guard let device = DeviceID(run.device) else { return }
        var transcripts: [[UInt8]] = []
        for reply in bodies[.registrationReply] ?? [] {
            for response in bodies[.registrationResponse] ?? [] {
                guard let hash = (try? ControlMessage.decode(response))?[.requestHash] else { continue }
                let transcript = RegistrationTranscript(
                    sequence: run.sequence, requestHash: hash, replyBody: reply)
                for verify in bodies[.registrationVerify] ?? [] {
                    for confirm in bodies[.registrationConfirm] ?? [] {
                        transcripts.append(transcript.final(response: response, verify: verify, confirm: confirm))
                    }
                }
            }
        }
        for done in bodies[.registrationDone] ?? [] {
            guard let sealed = (try? ControlMessage.decode(done))?[.sealed] else { continue }
            dones += transcripts.map { Done(device: device, transcript: $0, sealed: sealed) }
        }
    }
}

extension UnverifiedMessage {
    /// What a key makes of it, whatever its replay window and its signature are; nil if it is not the one.
    func opened(with key: SecretBytes) -> ArraySlice<UInt8>? {
        guard let cipher = try? DatagramCipher(DatagramAlgorithm(header.suite), key: key, for: .open) else {
            return nil
        }
        var bytes = bytes
        let nonce = Nonce(epoch: envelope.epoch, counter: envelope.counter)
        let isAuthentic = bytes.withUnsafeMutableBytes {
            cipher.open($0, headerLength: WireSizes.sealedHeader, nonce: nonce)
        }
        return isAuthentic ? bytes.dropFirst(WireSizes.sealedHeader).dropLast(DatagramAlgorithm.tagLength) : nil
    }
}
