/// The first two octets of every SUPnP datagram. The second never occurs in ASCII or UTF-8 text, so no SSDP, HTTP,
/// SOAP or GENA message can be taken for one.
package let magic: UInt16 = 0x5EC1
