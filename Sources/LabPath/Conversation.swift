import Glibc
import NIOCore
import NIOPosix
import NIOTraversal
import NetworkTypes
import Traversal
import Tunnel

/// A path that is driven by lines: what happens is written, what the peer tells and what is to be sent is read.
///
///     out: description NAME PASSWORD complete|partial later|once |LINE|LINE…
///          route KIND LOCAL REMOTE    data TEXT    failed WHY    relay-ended NUMBER WHY
///     in:  remote NAME PASSWORD complete|partial later|once |LINE|LINE…
///          send TEXT    restart    suspect    relay TRANSPORT,ADDRESS:PORT,USER,PASSWORD    quit
struct Conversation {
    let session: ICESession
    let echoes: Bool

    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await descriptions() }
            group.addTask { await routes() }
            group.addTask { await events() }
            group.addTask { await datagrams() }
            await commands()
            session.close()
        }
    }

    private func descriptions() async {
        for await description in session.descriptions {
            let candidates = description.candidates.map { "|" + $0.text }.joined()
            Output.line(
                "description \(description.credentials.fragment) \(description.credentials.password) "
                    + "\(description.isComplete ? "complete" : "partial") "
                    + "\(description.renominates ? "later" : "once") \(candidates)")
        }
    }

    private func routes() async {
        for await route in session.routes { Output.line("route \(route.kind.rawValue) \(route.local) \(route.remote)") }
    }

    private func events() async {
        for await event in session.events {
            switch event {
            case .silent(let isSilent): Output.line(isSilent ? "silent" : "answers")
            case .failed(let failure): Output.line("failed \(failure)")
            case .relayEnded(let number, let failure):
                Output.line("relay-ended \(number) \(failure.map { "\($0)" } ?? "closed")")
            case .unusable(let address, let reason): Output.line("unusable \(address) \(reason)")
            }
        }
    }

    private func datagrams() async {
        for await datagram in session.datagrams {
            if echoes { session.send(datagram) }
            // Behind a first byte that tells data from STUN.
            Output.line("data \(String(decoding: datagram.readableBytesView.dropFirst(), as: UTF8.self))")
        }
    }

    private func commands() async {
        while let line = await Self.nextLine() {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            let rest = words.count > 1 ? words[1] : ""
            switch words.first {
            case "remote": remote(rest)
            case "send": session.send(ByteBuffer(bytes: [0xC0] + rest.utf8))
            case "restart": session.restart()
            case "suspect": session.suspect()
            case "relay": if let relay = try? Arguments.relay(rest) { session.addRelay(relay) }
            case "quit": return
            default: Output.line("unknown \(line)")
            }
        }
    }

    private func remote(_ text: String) {
        let parts = text.split(separator: "|").map { $0.trimmingBlanks }
        let words = parts.first?.split(separator: " ").map(String.init) ?? []
        guard words.count == 4, let credentials = ICECredentials(fragment: words[0], password: words[1]) else {
            return Output.line("unknown remote \(text)")
        }
        session.setRemote(
            ICEDescription(
                credentials, candidates: parts.dropFirst().compactMap { ICECandidate(text: $0) },
                isComplete: words[2] == "complete", renominates: words[3] == "later"))
    }

    /// Reading blocks, so it has a thread of its own.
    private static func nextLine() async -> String? {
        try? await NIOThreadPool.singleton.runIfActive { readLine() }
    }
}

/// Whole lines to the standard output, at once.
enum Output {
    static func line(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        var rest = self
        while rest.first == " " { rest.removeFirst() }
        while rest.last == " " { rest.removeLast() }
        return rest
    }
}
