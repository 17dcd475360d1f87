import CZlib
import NIOCore

/// Compresses, as a device that knows gzip or deflate does.
enum Gzip {
    /// - Parameter window: 31 makes gzip, 15 zlib.
    static func compressed(_ bytes: [UInt8], window: Int32 = 31) -> ByteBuffer {
        var input = bytes
        var stream = z_stream()
        deflateInit2_(
            &stream, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        defer { deflateEnd(&stream) }
        var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(input.count))) + 64)
        let count = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                deflate(&stream, Z_FINISH)
                return output.count - Int(stream.avail_out)
            }
        }
        return ByteBuffer(bytes: output[..<count])
    }
}
