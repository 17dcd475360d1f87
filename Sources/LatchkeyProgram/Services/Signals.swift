import Glibc
import UnixSignals

/// Makes a write to a reader that went away an error instead of the end of the process.
package func ignoreBrokenPipes() {
    signal(SIGPIPE, SIG_IGN)
}

/// Ends the process the way the signal alone would have: 128 and its number.
func exitAtOnce(_ received: UnixSignal) -> Never {
    _exit(128 + (received == .sigint ? SIGINT : SIGTERM))
}
