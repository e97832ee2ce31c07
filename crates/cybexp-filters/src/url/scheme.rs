//! Schemes that lead to a host, plain and defanged.

/// Schemes of the web and of file transfer, with their defanged spellings. They are also found behind other letters:
/// `linkhttp://`, `${IFS}http://`.
const WEB: [&str; 17] = [
    "http", "https", "hxxp", "hxxps", "hxtp", "hxtps", "htxp", "htxps", "h**p", "h**ps", "ftp",
    "ftps", "fxp", "fxps", "ftx", "meow", "meows",
];

/// Schemes found only as a whole word: those of miners, log4j look-ups, shells.
const OTHERS: [&str; 28] = [
    "sftp",
    "tftp",
    "ws",
    "wss",
    "tcp",
    "udp",
    "ssh",
    "telnet",
    "ldap",
    "ldaps",
    "rmi",
    "iiop",
    "dns",
    "smb",
    "git",
    "rsync",
    "scp",
    "socks",
    "socks4",
    "socks5",
    "redis",
    "gopher",
    "irc",
    "stratum",
    "stratum+tcp",
    "stratum+ssl",
    "stratum+tls",
    "stratum+udp",
];

/// The length of the longest scheme, in bytes.
const LONGEST: usize = 11;
/// The longest spelling of `://` in bytes: `:[/][/]` and as many again.
const DELIMITER_BYTES: usize = 14;

/// A scheme with the `://` behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SchemeStart {
    /// Position at which the scheme begins.
    pub(super) at: usize,
    /// Position at which the authority begins.
    pub(super) authority: usize,
    /// Whether it is a scheme of the web, for which browsers accept any number of slashes and backslashes before the
    /// host.
    pub(super) is_web: bool,
    /// Whether the delimiter is `://`. If so, the host may be any name, else only one with a dot in it.
    pub(super) is_plain: bool,
}

/// Returns the schemes in a word, in order, including those within URLs.
pub(super) fn starts(word: &str) -> impl Iterator<Item = SchemeStart> + '_ {
    let bytes = word.as_bytes();
    (1..bytes.len())
        .filter(|at| {
            matches!(bytes[*at], b':' | b'[' | b'(' | b'{' | b'_' | b'/' | b'\\')
                && is_scheme_byte(bytes[at - 1])
        })
        .filter_map(|delimiter| start_before(word, delimiter))
}

/// Reads the scheme at the start of a text.
pub(super) fn start(text: &str) -> Option<SchemeStart> {
    let letters = text.bytes().take(LONGEST + 1);
    let length = letters.take_while(|b| is_scheme_byte(*b)).count();
    start_before(text, length).filter(|start| start.at == 0)
}

fn start_before(word: &str, delimiter: usize) -> Option<SchemeStart> {
    let bytes = word.as_bytes();
    let (length, is_plain) = self::delimiter(&bytes[delimiter..])?;
    let run = bytes[..delimiter].iter().rev().take(LONGEST + 1);
    let run = run.take_while(|b| is_scheme_byte(**b)).count();
    let run = word.get(delimiter - run..delimiter)?;
    let is_tail = |known: &&&str| {
        let at = run.len().checked_sub(known.len());
        at.and_then(|at| run.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(known))
    };
    // the longest match is the right one: `https` rather than `http`
    let web = WEB.iter().filter(is_tail).max_by_key(|known| known.len());
    let is_other = || {
        let word = run.trim_start_matches(['*', '+', '_']);
        OTHERS.iter().any(|known| word.eq_ignore_ascii_case(known))
    };
    let length_of_scheme = match web {
        _ if is_plain && is_other() => run.trim_start_matches(['*', '+', '_']).len(),
        Some(web) if is_plain || web.len() == run.trim_start_matches('_').len() => web.len(),
        _ => return None,
    };
    Some(SchemeStart {
        at: delimiter - length_of_scheme,
        authority: delimiter + length,
        is_web: web.is_some_and(|web| web.len() == length_of_scheme),
        is_plain,
    })
}

fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'*')
}

/// Returns the length of a delimiter, and whether it is `://`, or `:\\`, perhaps in brackets.
///
/// Other spellings are one slash, underscores for the colon or the slashes (`http__`, `https:__`, `hxxp_//`), or no
/// colon.
fn delimiter(bytes: &[u8]) -> Option<(usize, bool)> {
    let (mut at, mut open, mut slashes, mut underscores) = (0, 0, 0, 0);
    let mut colon = false;
    while at < DELIMITER_BYTES {
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b':'), _) if !colon && slashes == 0 => colon = true,
            // a backslash before a slash only escapes it: `http:\/\/`
            (Some(b'/' | b'\\'), _) => slashes += 1,
            (Some(b'_'), _) if slashes == 0 => underscores += 1,
            (Some(b'[' | b'(' | b'{'), Some(b':')) if !colon => open += 1,
            (Some(b'[' | b'(' | b'{'), Some(b'/' | b'\\')) => open += 1,
            (Some(b']' | b')' | b'}'), _) if open > 0 => open -= 1,
            _ => break,
        }
        at += 1;
    }
    let is_delimiter = if colon {
        slashes >= 1 || underscores >= 2
    } else {
        slashes + underscores >= 2
    };
    is_delimiter.then_some((at, colon && slashes >= 2 && underscores == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_schemes_in_all_their_spellings() {
        for (word, expected) in [
            ("http://a", Some((0, 7))),
            ("hXXps[:]//a", Some((0, 10))),
            ("hxxp[://]a", Some((0, 9))),
            ("http:[/][/]a", Some((0, 11))),
            ("http:\\\\a", Some((0, 7))),
            ("http:\\/\\/a", Some((0, 9))),
            ("http:/\\a", Some((0, 7))),
            ("https:/a", Some((0, 7))),
            ("http___a", Some((0, 7))),
            ("https:__a", Some((0, 8))),
            ("hxxp_//a", Some((0, 7))),
            ("__http__://a", Some((2, 11))),
            ("http//a", Some((0, 6))),
            ("linkhttp://a", Some((4, 11))),
            ("9http://a", Some((1, 8))),
            ("ftp://[::1]", Some((0, 6))),
            ("http://_a", Some((0, 7))),
            ("${jndi:ldap://a", Some((7, 14))),
            ("stratum+tcp://a", Some((0, 14))),
            ("h**p://a", Some((0, 7))),
            ("http/1.1", None),
            ("xldap://a", None),
            ("linkhttp//a", None),
            ("std::fmt://a", None),
            ("http:", None),
            ("http_a", None),
            ("", None),
        ] {
            let first = starts(word).next();
            assert_eq!(first.map(|s| (s.at, s.authority)), expected, "{word}");
        }
        assert_eq!(starts("http://a,http://b?c=ftp://d").count(), 3);
        assert!(start("http:/a").is_some_and(|start| start.is_web && !start.is_plain));
        assert!(start("linkhttp://a").is_none() && start("é").is_none() && start("").is_none());
    }
}
