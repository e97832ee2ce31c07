//! The name of the server that a TLS client asks for (RFC 8446, section 4.1.2; RFC 6066, section 3).

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Number of the extension server_name, and of its name type host_name.
const HOST_NAME: usize = 0;

/// Returns the server name in the ClientHello at the start of `sent`, of which the end may be missing.
pub(super) fn server_name(sent: &[u8]) -> Option<&str> {
    let mut hello = TlsReader(sent);
    if hello.take(1)? != [HANDSHAKE] {
        return None;
    }
    // version and length of the record
    hello.take(4)?;
    if hello.take(1)? != [CLIENT_HELLO] {
        return None;
    }
    // length, version, random; then session id, cipher suites and compression methods
    hello.take(3 + 2 + 32)?;
    for length_bytes in [1, 2, 1] {
        let length = hello.number(length_bytes)?;
        hello.take(length)?;
    }
    hello.number(2)?;
    loop {
        let kind = hello.number(2)?;
        let length = hello.number(2)?;
        let extension = hello.take(length)?;
        if kind != HOST_NAME {
            continue;
        }
        let mut names = TlsReader(extension);
        names.number(2)?;
        if names.number(1)? != HOST_NAME {
            return None;
        }
        let length = names.number(2)?;
        return std::str::from_utf8(names.take(length)?).ok();
    }
}

struct TlsReader<'a>(&'a [u8]);

impl<'a> TlsReader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Reads a big-endian number of this many bytes.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        let bytes = self.take(bytes)?;
        Some(
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | usize::from(*byte)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_server_name() {
        let mut hello = vec![22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
        hello.extend([7; 32]);
        hello.extend([2, 9, 9, 0, 2, 0x13, 1, 1, 0]);
        // Another extension, then the name.
        hello.extend([0, 60, 0, 11, 0, 2, 1, 0, 0, 0, 0, 14, 0, 12, 0, 0, 9]);
        hello.extend(b"a.example");
        assert_eq!(server_name(&hello), Some("a.example"));
        for end in 0..hello.len() {
            assert_eq!(server_name(&hello[..end]), None, "{end}");
        }
        assert_eq!(server_name(b"GET / HTTP/1.1\r\n"), None);
    }
}
