internal import NIOCore

#if canImport(Glibc)
    internal import Glibc
#endif

/// Gives back the empty part of a buffer that is kept for ever.
///
/// NIOSSL has a buffer of at least 32 KiB for each connection to read into, grown by the largest read,
/// and an idle session uses a few hundred bytes of it. The pages beyond them hold nothing: the kernel
/// may have them until something is read there again.
enum SparseBuffers {
    /// `buffer` must be one that its owner overwrites from the start, and nobody else's.
    static func release(unusedPartOf buffer: ByteBuffer) {
        #if canImport(Glibc)
            buffer.withVeryUnsafeBytes { storage in
                guard let base = storage.baseAddress else { return }
                let page = UInt(bitPattern: sysconf(Int32(_SC_PAGESIZE)))
                guard page > 0 else { return }
                let start = UInt(bitPattern: base)
                let first = (start + UInt(buffer.writerIndex) + page - 1) / page * page
                let last = (start + UInt(storage.count)) / page * page
                guard last > first, let pages = UnsafeMutableRawPointer(bitPattern: first) else { return }
                // Best effort: whatever it says, the bytes there mean nothing.
                _ = madvise(pages, Int(last - first), MADV_DONTNEED)
            }
        #endif
    }
}
