//! The cookie: a sealed session, which the browser keeps and only this daemon reads.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use cybexp_seal::OwnKey;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::clock::unix_now;
use crate::random::random_id;

const PURPOSE: &str = "cybexp-web session";

/// A browser's session.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The random bytes that every form of this session carries, in hexadecimal digits.
    csrf: String,
    /// The end of the session, in Unix seconds.
    until: u64,
    /// The person, once signed in.
    pub(crate) person: Option<Person>,
}

/// A person who is signed in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) email: String,
    /// The token of the API.
    pub(crate) token: String,
}

impl Session {
    /// Begins a session, which lasts for `seconds`.
    pub(crate) fn begin(person: Option<Person>, seconds: u64) -> Self {
        Self {
            csrf: random_id(),
            until: unix_now().saturating_add(seconds),
            person,
        }
    }

    /// Returns the token for the forms of one response: random bytes, and those of the session hidden by them. It is another
    /// text each time, so that nobody learns it from the lengths of many compressed responses.
    pub(crate) fn form_token(&self) -> String {
        let own = hex::decode(&self.csrf).unwrap_or_default();
        let pad: Vec<u8> = own.iter().map(|_| rand::random()).collect();
        hex::encode([pad.as_slice(), &hidden(&own, &pad)].concat())
    }

    /// Returns true if this is a token of the session's forms. The time that it takes tells nothing of the bytes.
    pub(crate) fn allows(&self, token: &str) -> bool {
        let (Ok(own), Ok(token)) = (hex::decode(&self.csrf), hex::decode(token)) else {
            return false;
        };
        let Some((pad, rest)) = token.split_at_checked(own.len()) else {
            return false;
        };
        let differing = hidden(rest, pad)
            .iter()
            .zip(&own)
            .fold(0, |all, (a, b)| all | (a ^ b));
        !own.is_empty() && rest.len() == own.len() && differing == 0
    }
}

/// Hides bytes by others, or shows them again.
fn hidden(bytes: &[u8], pad: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .zip(pad)
        .map(|(byte, pad)| byte ^ pad)
        .collect()
}

/// Reads and writes sessions as cookies.
pub(crate) struct Cookies {
    key: OwnKey,
    secure: bool,
}

impl Cookies {
    pub(crate) fn new(secret: Option<&SecretString>, secure: bool) -> Self {
        let key = match secret {
            Some(secret) => OwnKey::derived(secret, PURPOSE),
            None => OwnKey::random(PURPOSE),
        };
        Self { key, secure }
    }

    /// The prefix makes browsers refuse the cookie from other hosts and over plain HTTP (RFC 6265bis, 4.1.3).
    fn name(&self) -> &'static str {
        match self.secure {
            true => "__Host-cybexp",
            false => "cybexp",
        }
    }

    /// Returns the session that the request carries, unless it has ended or is not ours.
    pub(crate) fn read(&self, headers: &HeaderMap) -> Option<Session> {
        let cookies = headers.get_all(COOKIE).iter();
        let pairs = cookies.filter_map(|cookies| cookies.to_str().ok());
        let sealed = pairs
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name())?
            .1;
        let session: Session = serde_json::from_str(&self.key.open(sealed)?).ok()?;
        (session.until > unix_now()).then_some(session)
    }

    /// Returns the value of `Set-Cookie` that keeps the session.
    pub(crate) fn keep(&self, session: &Session) -> HeaderValue {
        let text = serde_json::to_string(session).expect("texts and integers can be written");
        let left = session.until.saturating_sub(unix_now());
        self.header(&self.key.seal(&text), left)
    }

    /// Returns the value of `Set-Cookie` that removes the session.
    pub(crate) fn forget(&self) -> HeaderValue {
        self.header("", 0)
    }

    fn header(&self, value: &str, max_age: u64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let header = format!(
            "{}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}",
            self.name()
        );
        HeaderValue::from_str(&header).expect("base64url and constants are visible ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cookies: &Cookies, session: &Session) -> HeaderMap {
        let set = cookies.keep(session);
        let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(COOKIE, format!("a=b; {pair}; c").parse().unwrap())])
    }

    #[test]
    fn a_session_comes_back_until_it_ends() {
        let cookies = Cookies::new(None, true);
        let person = Person {
            email: "jdoe@example.com".to_owned(),
            token: "token".to_owned(),
        };
        let session = Session::begin(Some(person), 60);
        let read = cookies.read(&sent(&cookies, &session)).unwrap();
        assert_eq!(read.person.as_ref().unwrap().token, "token");
        let (one, other) = (read.form_token(), read.form_token());
        assert_ne!(one, other);
        assert!(session.allows(&one) && session.allows(&other));
        let stranger = Session::begin(None, 60).form_token();
        for wrong in [
            "",
            "x",
            "00",
            &one[2..],
            &one[..32],
            stranger.as_str(),
            "0".repeat(64).as_str(),
        ] {
            assert!(!session.allows(wrong), "{wrong}");
        }
        let ended = Session::begin(None, 0);
        assert!(cookies.read(&sent(&cookies, &ended)).is_none());
        let other = Cookies::new(Some(&"other".into()), true);
        assert!(other.read(&sent(&cookies, &session)).is_none());
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_the_cookie() {
        let set = Cookies::new(None, true).keep(&Session::begin(None, 60));
        let set = set.to_str().unwrap();
        assert!(set.starts_with("__Host-cybexp=") && set.contains("Path=/;"));
        for word in ["; HttpOnly", "; SameSite=Lax", "; Secure"] {
            assert!(set.contains(word), "{set}");
        }
        let plain = Cookies::new(None, false).forget();
        assert!(plain.to_str().unwrap().starts_with("cybexp=; "));
    }
}
