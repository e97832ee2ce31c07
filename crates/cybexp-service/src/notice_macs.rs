//! The authentication codes of what is told without being asked for: new events, subscriptions, and notices for these.
//! Whoever else can write to the report database can neither subscribe in another's name, nor have events told that
//! analytics did not see.

use cybexp_seal::{Macs, Message, Purpose};
use cybexp_store::{Notice, NoticeId, NoticeRow, StoredSubscription, Subscription, SubscriptionId};
use secrecy::SecretString;

use crate::config::{Config, ConfigError};

/// Makes and checks the codes of one deployment, whose key is derived from `identity.secret`.
#[derive(Debug, Clone)]
pub struct NoticeMacs(Macs);

impl NoticeMacs {
    /// Derives the keys from the configuration's secret.
    ///
    /// # Errors
    /// The secret cannot be read.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self::of(&config.identity_secret()?))
    }

    /// Derives the keys from this secret.
    pub fn of(secret: &SecretString) -> Self {
        Self(Macs::new(secret))
    }

    /// Returns the code of the row of this id, with these new events of an organisation.
    pub fn live(&self, id: &[u8], orgid: &str, events: &str) -> String {
        self.row(Purpose::Live, id, [orgid, events]).code()
    }

    /// Whether analytics made this code for a row of new events.
    pub fn is_live(&self, id: &[u8], orgid: &str, events: &str, code: &str) -> bool {
        self.row(Purpose::Live, id, [orgid, events]).has(code)
    }

    /// Returns a subscription as it is stored; `None` if it cannot be written as JSON.
    pub fn sign(
        &self,
        id: SubscriptionId,
        subscription: &Subscription,
    ) -> Option<StoredSubscription> {
        let text = serde_json::to_string(subscription).ok()?;
        let mac = self.row(Purpose::Subscription, &id.bytes(), [&text, ""]);
        let mac = mac.code();
        Some(StoredSubscription { id, text, mac })
    }

    /// Reads a subscription; `None` if the API did not write it.
    pub fn open(&self, stored: &StoredSubscription) -> Option<Subscription> {
        let mac = self.row(
            Purpose::Subscription,
            &stored.id.bytes(),
            [&stored.text, ""],
        );
        if !mac.has(&stored.mac) {
            tracing::warn!(subscription = %stored.id, "not written by the API: it is left out");
            return None;
        }
        serde_json::from_str(&stored.text).ok()
    }

    /// Returns a notice with this text.
    pub fn notice(&self, id: NoticeId, text: String) -> Notice {
        let mac = self.row(Purpose::Notice, id.bytes(), [&text, ""]).code();
        Notice { id, text, mac }
    }

    /// Whether a daemon of this deployment wrote the notice.
    pub fn is_notice(&self, row: &NoticeRow) -> bool {
        let mac = self.row(Purpose::Notice, row.id.bytes(), [&row.text, ""]);
        mac.has(&row.mac)
    }

    /// Returns the secret with which deliveries to a user's webhook at this URL are signed.
    pub fn webhook_secret(&self, user: &str, url: &str) -> String {
        let secret = self.row(Purpose::Webhook, b"", [user, url]).code();
        format!("whsec_{secret}")
    }

    fn row(&self, purpose: Purpose, id: &[u8], texts: [&str; 2]) -> Message {
        let texts = texts.iter().map(|text| text.as_bytes());
        self.0.message(purpose, [id].into_iter().chain(texts))
    }
}

/// Returns the hashes of the organisations whose data a notice holds: whoever may not see all of them is not told.
pub fn orgs_of_notice(told: &serde_json::Value) -> Vec<&str> {
    let of_feed = told["feed"]["orgs"].as_array().into_iter().flatten();
    let orgs = std::iter::once(&told["event"]["orgid"]).chain(of_feed);
    orgs.filter_map(serde_json::Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_of_one_row() {
        let macs = NoticeMacs::of(&SecretString::from("a secret of this test"));
        let code = macs.live(b"id", "unr", "[1]");
        assert!(macs.is_live(b"id", "unr", "[1]", &code));
        for (id, orgid, events) in [
            (&b"ie"[..], "unr", "[1]"),
            (b"id", "uns", "[1]"),
            (b"id", "unr", "[2]"),
            (b"id", "unr[", "1]"),
        ] {
            assert!(!macs.is_live(id, orgid, events, &code), "{orgid} {events}");
        }
    }
}
