//! The URL that an HTTP request asks for.

/// The longest request line or host, in bytes; a longer one is not taken for a request.
const TARGET_BYTES: usize = 8192;
/// The most header fields searched for Host.
const FIELDS: usize = 100;

/// Returns the target of the HTTP request at the start of `text`: a URL, or `host:port` for CONNECT. A path is
/// completed with the Host field, or without one with the host and port of the connection.
///
/// Absolute URLs give `None`, because the search for indicators in the text finds them.
pub(super) fn target(text: &str, connection: Option<(&str, i64)>) -> Option<String> {
    let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r'));
    let mut request = lines.next()?.split(' ').filter(|word| !word.is_empty());
    let (method, target, version) = (request.next()?, request.next()?, request.next()?);
    let is_method =
        (3..=10).contains(&method.len()) && method.bytes().all(|b| b.is_ascii_uppercase());
    if !is_method || !version.starts_with("HTTP/") || target.len() > TARGET_BYTES {
        return None;
    }
    if method == "CONNECT" {
        return Some(target.to_owned());
    }
    if !target.starts_with('/') {
        return None;
    }
    let fields = lines.take_while(|line| !line.is_empty()).take(FIELDS);
    let host = fields
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|(_, host)| host.trim().to_owned())
        .filter(|host| is_host(host));
    let host = host.or_else(|| match connection? {
        (host, _) if !is_host(host) => None,
        (host, 80) => Some(bracketed(host)),
        (host, port) => Some(format!("{}:{port}", bracketed(host))),
    })?;
    Some(format!("http://{host}{target}"))
}

fn is_host(text: &str) -> bool {
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    (1..=300).contains(&text.len()) && text.chars().all(is_host)
}

fn bracketed(host: &str) -> String {
    match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completes_targets() {
        let connection = Some(("192.0.2.7", 8080));
        for (text, expected) in [
            (
                "GET /x?y HTTP/1.1\r\nAccept: */*\r\nhost: a.example:81\r\n\r\n",
                Some("http://a.example:81/x?y"),
            ),
            ("GET /x HTTP/1.0\r\n\r\n", Some("http://192.0.2.7:8080/x")),
            (
                "POST / HTTP/1.1\nHost: a.example\n\nHost: b.example",
                Some("http://a.example/"),
            ),
            ("CONNECT a.example:443 HTTP/1.1\r\n", Some("a.example:443")),
            ("GET http://a.example/ HTTP/1.1\r\n", None),
            ("GET /x\r\n", None),
            ("EHLO a.example b\r\n", None),
            (
                "GET / HTTP/1.1\r\nHost: <x>\r\n",
                Some("http://192.0.2.7:8080/"),
            ),
            ("", None),
        ] {
            assert_eq!(target(text, connection).as_deref(), expected, "{text}");
        }
        let v6 = Some(("2001:db8::1", 80));
        let found = target("GET / HTTP/1.1", v6);
        assert_eq!(found.as_deref(), Some("http://[2001:db8::1]/"));
        assert_eq!(target("GET / HTTP/1.1", None), None);
    }
}
