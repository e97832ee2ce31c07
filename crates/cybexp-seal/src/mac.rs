//! Message authentication codes, by which two daemons of one deployment know each other's documents in a database that
//! others can write to. HMAC-SHA256 (RFC 2104), each purpose with a key of its own (HKDF-SHA256, RFC 5869).

use std::fmt;
use std::io;

use aws_lc_rs::{constant_time, hkdf, hmac};
use secrecy::{ExposeSecret, SecretString};

/// Separates the keys made here from others of the same secret.
const SALT: &[u8] = b"cybexp report database";

/// The purpose of a code. A code made for one purpose is wrong for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A question of a user, made by the API.
    Query,
    /// The socket on which the API waits for the answer.
    Socket,
    /// An answer, made by the report daemon.
    Report,
    /// New events of an organisation, listed by analytics.
    Live,
    /// A subscription of a user, made by the API.
    Subscription,
    /// A notice of a new event for a subscription, made by analytics.
    Notice,
    /// The secret of a webhook, which its receiver knows.
    Webhook,
}

/// Makes and checks codes with the keys of one secret.
///
/// ```
/// use cybexp_seal::{Macs, Purpose};
///
/// let macs = Macs::new(&"a secret of at least 32 bytes, kept".into());
/// let parts = [&b"user"[..], b"question"];
/// let code = macs.message(Purpose::Query, parts).code();
/// assert!(macs.message(Purpose::Query, parts).has(&code));
/// assert!(!macs.message(Purpose::Report, parts).has(&code));
/// ```
#[derive(Clone)]
pub struct Macs {
    query: hmac::Key,
    socket: hmac::Key,
    report: hmac::Key,
    live: hmac::Key,
    subscription: hmac::Key,
    notice: hmac::Key,
    webhook: hmac::Key,
}

/// A code in the making. What is written to it is the last part of the message.
pub struct Message(hmac::Context);

impl Macs {
    /// Derives the keys from a secret.
    pub fn new(secret: &SecretString) -> Self {
        let secret = secret.expose_secret().as_bytes();
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret);
        let key = |purpose: Purpose| derive(&secret, purpose);
        Self {
            query: key(Purpose::Query),
            socket: key(Purpose::Socket),
            report: key(Purpose::Report),
            live: key(Purpose::Live),
            subscription: key(Purpose::Subscription),
            notice: key(Purpose::Notice),
            webhook: key(Purpose::Webhook),
        }
    }

    /// Begins the message of these parts. Each goes with its length, so that no two lists of parts are one message.
    pub fn message<'a>(
        &self,
        purpose: Purpose,
        parts: impl IntoIterator<Item = &'a [u8]>,
    ) -> Message {
        let key = match purpose {
            Purpose::Query => &self.query,
            Purpose::Socket => &self.socket,
            Purpose::Report => &self.report,
            Purpose::Live => &self.live,
            Purpose::Subscription => &self.subscription,
            Purpose::Notice => &self.notice,
            Purpose::Webhook => &self.webhook,
        };
        let mut context = hmac::Context::with_key(key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Message(context)
    }
}

/// Derives the key of a purpose.
fn derive(secret: &hkdf::Prk, purpose: Purpose) -> hmac::Key {
    let info: &[u8] = match purpose {
        Purpose::Query => b"query",
        Purpose::Socket => b"socket",
        Purpose::Report => b"report",
        Purpose::Live => b"live",
        Purpose::Subscription => b"subscription",
        Purpose::Notice => b"notice",
        Purpose::Webhook => b"webhook",
    };
    let info = [info];
    match secret.expand(&info, hmac::HMAC_SHA256) {
        Ok(key) => hmac::Key::from(key),
        // only a key of more than 8,160 bytes is too long
        Err(_) => unreachable!("32 bytes can be derived"),
    }
}

impl Message {
    /// Returns the code, in lower-case hex.
    pub fn code(self) -> String {
        hex::encode(self.0.sign())
    }

    /// Whether this is the message's code. Takes the same time wherever they differ.
    pub fn has(self, code: &str) -> bool {
        let own = self.code();
        constant_time::verify_slices_are_equal(own.as_bytes(), code.as_bytes()).is_ok()
    }
}

impl io::Write for Message {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Macs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Macs(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn macs(secret: &str) -> Macs {
        Macs::new(&SecretString::from(secret.to_owned()))
    }

    fn code(macs: &Macs, purpose: Purpose, parts: &[&str]) -> String {
        let parts = parts.iter().map(|part| part.as_bytes());
        macs.message(purpose, parts).code()
    }

    #[test]
    fn a_code_depends_on_secret_purpose_and_every_part() {
        let one = macs("a secret");
        let of = |purpose, parts: &[&str]| code(&one, purpose, parts);
        let first = of(Purpose::Query, &["a", "bc"]);
        assert_eq!(first, of(Purpose::Query, &["a", "bc"]));
        assert_eq!(first.len(), 64);
        for other in [
            of(Purpose::Report, &["a", "bc"]),
            of(Purpose::Socket, &["a", "bc"]),
            of(Purpose::Query, &["ab", "c"]),
            of(Purpose::Query, &["a", "bc", ""]),
            of(Purpose::Query, &["a", "bd"]),
            code(&macs("another"), Purpose::Query, &["a", "bc"]),
        ] {
            assert_ne!(first, other);
        }
        assert!(
            one.message(Purpose::Query, [b"a".as_slice(), b"bc"])
                .has(&first)
        );
        for wrong in ["", &first[1..], &first.to_uppercase(), &"0".repeat(64)] {
            assert!(
                !one.message(Purpose::Query, [b"a".as_slice(), b"bc"])
                    .has(wrong)
            );
        }
        assert!(!format!("{one:?}").contains("secret"));
    }

    /// Made with Python's `hmac` and `hashlib`, so that other programs can make the same.
    #[test]
    fn codes_are_those_of_other_libraries() {
        let mut message = macs("secret").message(Purpose::Report, [b"hash".as_slice()]);
        message.write_all(b"{\"a\": 1}").unwrap();
        assert_eq!(
            message.code(),
            "c19caa579bec210483ec855cb35092366b0b62c78d72972461200506eb8d6a07"
        );
    }
}
