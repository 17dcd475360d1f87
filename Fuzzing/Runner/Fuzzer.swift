import FuzzTargets
import Glibc

/// Gives libFuzzer's inputs to a target.
enum Fuzzer {
    // Set once by main.swift, before the only thread that runs inputs is told to begin.
    nonisolated(unsafe) static var target = FuzzTarget.ssdp

    static func run(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
        do {
            try target.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
        } catch {
            print("broken: \(error)")
            fflush(nil)
            abort()
        }
        return 0
    }
}

/// What libFuzzer's archive looks for; without it the linker would take the archive's own `main`.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 { Fuzzer.run(bytes, count) }
