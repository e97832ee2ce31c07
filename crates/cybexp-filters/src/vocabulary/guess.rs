//! The sub_type of a value that stands alone, by the way it is written.

use tahoe_core::{Scalar, SubType};

use super::{forms, vocab};
use crate::url;

/// The sub_types that are recognised by a value's form, in the order in which they are tried.
const BY_LOOK: [SubType; 7] = [
    SubType::from_static("ip"),
    vocab::CIDR,
    vocab::CVE_ID,
    SubType::from_static("md5"),
    SubType::from_static("sha1"),
    vocab::SHA256,
    SubType::from_static("sha512"),
];

/// Returns the sub_type of a line in a list of indicators: an address, network, CVE, hash, URL, mail address, domain or
/// host, else a command. A name that somebody can register is a domain, and so stands for all hosts below it.
pub fn guess(text: &str) -> SubType {
    let text = text.trim();
    let value = Scalar::from(text);
    if let Some(found) = BY_LOOK.into_iter().find(|one| forms(one, &value).is_ok()) {
        return found;
    }
    let one_word = !text.contains(char::is_whitespace);
    if one_word && url::is_absolute(text) {
        return vocab::URL;
    }
    if one_word && forms(&vocab::EMAIL_ADDR, &value).is_ok() && !text.contains('/') {
        return vocab::EMAIL_ADDR;
    }
    let dotted = text.contains('.') && !text.starts_with('.');
    let host = forms(&vocab::HOSTNAME, &value).ok().filter(|_| dotted);
    match host.as_deref().and_then(<[_]>::first) {
        Some(host) => {
            let name = host.data().as_str().unwrap_or_default();
            match psl::domain_str(name) == Some(name) {
                true => vocab::DOMAIN,
                false => vocab::HOSTNAME,
            }
        }
        None if one_word && url::is_url(text) => vocab::URL,
        None => vocab::SHELL_COMMAND,
    }
}
