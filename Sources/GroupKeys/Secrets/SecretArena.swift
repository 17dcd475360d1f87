import CLibCrypto

import func Glibc.madvise
import func Glibc.mlock
import func Glibc.mmap
import func Glibc.munlock
import func Glibc.munmap

/// Mapped memory for the secrets of a tree, by node number. A secret of zeros is none.
///
/// The whole range is reserved at once and costs nothing until it is used, so that a tree grows without moving a
/// secret. Its pages are locked in memory as far as the process may (RLIMIT_MEMLOCK; `lockedBytes` says how far), and
/// left out of core dumps. What was used is erased when it goes.
// One noncopyable tree owns an arena, and writes it only in its mutating functions.
final class SecretArena: @unchecked Sendable {
    private static let readWrite: Int32 = 1 | 2
    private static let privateAnonymousNoReserve: Int32 = 0x02 | 0x20 | 0x4000
    private static let doNotDump: Int32 = 16
    // Locked step by step, and in ever smaller steps where the limit is near, so that it is used up to its last page.
    private static let lockStep = 1 << 20
    private static let leastLockStep = 4_096

    /// The first byte.
    let base: UnsafeMutableRawPointer
    /// How many bytes may ever be used.
    let reserved: Int
    /// How many bytes, from the first, are in use.
    private(set) var used = 0
    /// How many bytes, from the first, are locked in memory.
    private(set) var lockedBytes = 0
    private var lockStep: Int
    private let lock: (UnsafeRawPointer, Int) -> Bool

    /// Reserves `byteCount` bytes of zeros. `lock` locks a range in memory, and says false if the process may not.
    init(
        byteCount: Int, locks: Bool, lock: @escaping (UnsafeRawPointer, Int) -> Bool = { mlock($0, $1) == 0 }
    ) throws(KeyTreeError) {
        let flags = Self.privateAnonymousNoReserve
        guard let mapped = mmap(nil, byteCount, Self.readWrite, flags, -1, 0), Int(bitPattern: mapped) != -1 else {
            throw .outOfMemory(byteCount)
        }
        base = mapped
        reserved = byteCount
        lockStep = locks ? Self.lockStep : 0
        self.lock = lock
        // Where the kernel does not know the advice, the process's own limit on dumps has to do.
        _ = madvise(base, byteCount, Self.doNotDump)
    }

    deinit {
        OPENSSL_cleanse(base, used)
        if lockedBytes > 0 { munlock(base, lockedBytes) }
        munmap(base, reserved)
    }

    /// Takes the first `byteCount` bytes into use and locks them as far as it may.
    func use(_ byteCount: Int) {
        precondition(byteCount <= reserved, "more than was reserved")
        used = max(used, byteCount)
        while lockStep >= Self.leastLockStep, lockedBytes < used {
            let step = min(lockStep, used - lockedBytes)
            if lock(base + lockedBytes, step) { lockedBytes += step } else { lockStep /= 2 }
        }
    }

    /// Erases a range of bytes.
    func erase(_ range: Range<Int>) {
        OPENSSL_cleanse(base + range.lowerBound, range.count)
    }
}
