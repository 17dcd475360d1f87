import AccessPolicy

/// The PIN of an introduction, as a person types it.
enum IntroductionPIN {
    /// Reads the PIN that was given, else a line of standard input, which a terminal is asked for.
    static func read(_ given: String?, _ console: Console) throws -> WPSPIN {
        let text: String
        if let given {
            text = given
        } else {
            if console.errorsAreTerminal { console.log("The PIN that the gateway shows:") }
            guard let line = readLine() else {
                throw ProgramError.usage("no PIN was given: “latchkey gateway pair --lan” shows it on the gateway")
            }
            text = line
        }
        guard let pin = WPSPIN(text) else {
            throw ProgramError.usage("this is not a PIN: it has eight digits, and one of them is mistyped")
        }
        return pin
    }
}
