//! A ticket signs its person in once, without a password. `cybexp up`, which shares the secret, makes one when the
//! person at its terminal opens the pages.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use cybexp_seal::OwnKey;
use lru::LruCache;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::Person;
use crate::clock::unix_now;
use crate::random::random_id;

const PURPOSE: &str = "cybexp-web ticket";
/// The time for which a ticket is good, in seconds.
const GOOD_S: u64 = 120;
/// Used tickets that are remembered, more than anybody uses within [`GOOD_S`].
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("more than 0");

#[derive(Serialize, Deserialize)]
struct Ticket {
    id: String,
    /// The end of the ticket, in Unix seconds.
    until: u64,
    person: Person,
}

/// Reads tickets, each once.
pub(crate) struct Tickets {
    /// Absent without a secret: nobody else could make a ticket.
    key: Option<OwnKey>,
    used: Mutex<LruCache<String, ()>>,
}

impl Tickets {
    pub(crate) fn new(secret: Option<&SecretString>) -> Self {
        Self {
            key: secret.map(|secret| OwnKey::derived(secret, PURPOSE)),
            used: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }

    /// Returns the person of a ticket that is good, and leaves it so.
    pub(crate) fn look(&self, sealed: &str) -> Option<Person> {
        let ticket = self.read(sealed)?;
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        (!used.contains(&ticket.id)).then_some(ticket.person)
    }

    /// Returns the person of a ticket that is good. It is good no more.
    pub(crate) fn take(&self, sealed: &str) -> Option<Person> {
        let ticket = self.read(sealed)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let first = used.put(ticket.id, ()).is_none();
        first.then_some(ticket.person)
    }

    fn read(&self, sealed: &str) -> Option<Ticket> {
        let ticket: Ticket = serde_json::from_str(&self.key.as_ref()?.open(sealed)?).ok()?;
        (ticket.until > unix_now()).then_some(ticket)
    }
}

/// Makes a ticket for the person of this address, whose token of the API is given.
pub(crate) fn issue(secret: &SecretString, email: &str, token: &str) -> String {
    let ticket = Ticket {
        id: random_id(),
        until: unix_now().saturating_add(GOOD_S),
        person: Person {
            email: email.to_owned(),
            token: token.to_owned(),
        },
    };
    let text = serde_json::to_string(&ticket).expect("texts and integers can be written");
    OwnKey::derived(secret, PURPOSE).seal(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_for_its_own_secret() {
        let secret = SecretString::from("a secret of thirty-two bytes or more");
        let ticket = issue(&secret, "jdoe@example.com", "token");
        let tickets = Tickets::new(Some(&secret));
        assert_eq!(tickets.look(&ticket).unwrap().email, "jdoe@example.com");
        assert_eq!(tickets.take(&ticket).unwrap().token, "token");
        assert!(tickets.take(&ticket).is_none() && tickets.look(&ticket).is_none());
        assert!(
            Tickets::new(Some(&"another".into()))
                .take(&ticket)
                .is_none()
        );
        assert!(Tickets::new(None).take(&ticket).is_none());
        assert!(tickets.take("").is_none());
    }
}
