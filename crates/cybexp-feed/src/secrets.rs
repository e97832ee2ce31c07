//! Texts that must not be shown: a server may say them back.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::later::Later;

/// A shorter text is no secret, and would be found in every message.
const SHORTEST: usize = 4;
/// The shortest part of a path or value of a query that may be a key.
const SHORTEST_PART: usize = 6;
const HIDDEN: &str = "***";

/// The keys and passwords of a source.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Vec<SecretString>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Adds a secret: a header's value, a key. Of `Bearer KEY`, the key itself is one, too.
    pub fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        for part in [Some(secret), secret.split_whitespace().nth(1)] {
            if let Some(part) = part.filter(|part| part.len() >= SHORTEST) {
                Arc::make_mut(&mut self.0).push(part.into());
            }
        }
    }

    /// Adds the parts of a URL that may be a key: user and password, values of the query, and parts of the path that look like one.
    pub fn add_url(&mut self, url: &Url) {
        self.add(url.username());
        self.add(url.password().unwrap_or_default());
        let query = url.query().unwrap_or_default().split('&');
        let raw = query.filter_map(|pair| pair.split_once('='));
        let raw = raw.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let meant = url.query_pairs();
        let meant = meant.map(|(name, value)| (name.into_owned(), value.into_owned()));
        for (name, value) in raw.chain(meant) {
            if value.len() >= SHORTEST_PART || names_key(&name) {
                self.add(&value);
            }
        }
        for part in url.path().split('/').filter(|part| looks_like_key(part)) {
            self.add(part);
        }
    }

    /// The text without the secrets.
    pub fn hide(&self, text: &str) -> String {
        let mut secrets: Vec<&str> = self.0.iter().map(|secret| secret.expose_secret()).collect();
        // one may be a part of another
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let hide = |text: String, secret| match text.contains(secret) {
            true => text.replace(secret, HIDDEN),
            false => text,
        };
        secrets.into_iter().fold(text.to_owned(), hide)
    }

    /// The same error without the secrets.
    pub fn hide_in(&self, error: anyhow::Error) -> anyhow::Error {
        let text = format!("{error:#}");
        let hidden = self.hide(&text);
        if hidden == text {
            return error;
        }
        match error.downcast::<Later>() {
            Ok(later) => Later {
                reason: self.hide(&later.reason),
                wait: later.wait,
            }
            .into(),
            Err(_) => anyhow::anyhow!(hidden),
        }
    }
}

/// Whether a field or a parameter of this name holds a key.
pub fn names_key(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let parts = ["key", "token", "secret", "pass", "auth", "sig"];
    parts.iter().any(|part| name.contains(part))
}

/// Letters and digits mixed, or long; not a name such as `feed.json`, `v1` or `sightings`.
fn looks_like_key(part: &str) -> bool {
    let has = |what: fn(&u8) -> bool| part.as_bytes().iter().any(what);
    let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    !part.contains('.') && (part.len() >= 20 || (part.len() >= 8 && mixed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_back_is_hidden() {
        let mut secrets = Secrets::default();
        secrets.add("Bearer hush-hush");
        secrets.add("k");
        let url = "https://me:secret@host/v1/a1b2c3d4e5/feed.json?key=p%2Fssword&n=10";
        secrets.add_url(&Url::parse(url).unwrap());
        for (said, shown) in [
            ("no such key: hush-hush", "no such key: ***"),
            ("'Bearer hush-hush' is over", "'***' is over"),
            ("/v1/a1b2c3d4e5/feed.json: gone", "/v1/***/feed.json: gone"),
            ("p/ssword, p%2Fssword, secret", "***, ***, ***"),
            ("at most 10 a day, ok", "at most 10 a day, ok"),
        ] {
            assert_eq!(secrets.hide(said), shown);
        }
        assert_eq!(format!("{secrets:?}"), "Secrets(6)");
    }

    #[test]
    fn an_error_stays_what_it_is() {
        let mut secrets = Secrets::default();
        secrets.add("hush");
        let wait = std::time::Duration::from_secs(7);
        let reason = "hush, later".to_owned();
        let hidden = secrets.hide_in(Later { reason, wait }.into());
        assert_eq!(hidden.downcast_ref::<Later>().unwrap().wait, wait);
        assert_eq!(hidden.to_string(), "***, later");
        let hidden = secrets.hide_in(anyhow::anyhow!("hush").context("told"));
        assert_eq!(format!("{hidden:#}"), "told: ***");
    }
}
