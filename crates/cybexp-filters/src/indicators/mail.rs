//! Mail addresses.

use tahoe_core::Attribute;

use crate::{fields, url};

/// The longest local part in bytes (RFC 5321, section 4.5.3.1.1).
const LOCAL_BYTES: usize = 64;

/// Reads a word that is a mail address, defanged or not. Its host must be a name with a dot in it.
pub(super) fn read(word: &str) -> Option<Attribute> {
    if !word.contains(['@', '[', '(', '{']) {
        return None;
    }
    let meant = url::refang(word);
    let meant = meant.trim_matches(['.', ':', '-', '+', '%', '(', ')', '[', ']', '{', '}']);
    let meant = meant.strip_prefix("mailto:").unwrap_or(meant);
    let (local, host) = meant.split_once('@')?;
    let local = local.rsplit([':', '(', '[', '{']).next()?;
    let host = host.split([':', ')', ']', '}', '%']).next()?;
    let host = host.trim_end_matches(['.', '-', '_', '+']);
    let is_local = (1..=LOCAL_BYTES).contains(&local.len())
        && local
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".+-_%".contains(&b));
    let last = host.rsplit_once('.')?.1;
    let is_name = last.len() >= 2
        && last.bytes().all(|b| b.is_ascii_alphabetic())
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
        && url::bare_host_attributes(host).is_some();
    (is_local && is_name).then(|| fields::email_addr(&format!("{local}@{host}")))
}
