import FuzzTargets
import Glibc

// libFuzzer with the target that LATCHKEY_FUZZ_TARGET names; the arguments are libFuzzer's own.
// The name comes through the environment because libFuzzer starts itself again with its arguments when it merges.

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

private let name = getenv("LATCHKEY_FUZZ_TARGET").map { String(cString: $0) } ?? ""

guard let target = FuzzTarget(rawValue: name) else {
    print("Set LATCHKEY_FUZZ_TARGET to one of: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))")
    exit(2)
}

Fuzzer.target = target
var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runDriver(&count, &arguments) { Fuzzer.run($0, $1) })
