//! Tells names of hosts from names of files.

use crate::url;

/// The endings of script and archive names. Others, such as that of an architecture, go with the name.
pub(super) const ENDINGS: &[&str] = &[
    "sh", "py", "pl", "php", "c", "tar", "gz", "tgz", "zip", "apk", "jpg", "rsc",
];

/// Suffixes that are not public, and that names of hosts end in.
const PRIVATE: &[&str] = &["example", "invalid", "lan", "local", "onion", "test"];

/// Whether a word is the name of a host: it ends in a suffix of hosts that is no ending of scripts.
pub(super) fn is_host(word: &str) -> bool {
    let Some((_, last)) = word.rsplit_once('.') else {
        return false;
    };
    let is_name = word
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    is_name
        && last.len() >= 2
        && !ENDINGS.contains(&last)
        && (PRIVATE.contains(&last) || url::has_known_suffix(word))
}
