//! The authentication codes of queries and reports: whoever else can write to the report database can neither ask in
//! another's name nor change what the API hands out.

use std::collections::BTreeMap;
use std::io::Write;

use cybexp_seal::{Macs, Message, Purpose};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};
use tahoe_core::{Hash, Query, Report};

use crate::config::{Config, ConfigError};

/// Makes and checks the codes of one deployment, whose key is derived from `identity.secret`.
#[derive(Debug, Clone)]
pub struct QueryMacs(Macs);

impl QueryMacs {
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

    /// Returns the code of a question, which has this hash.
    pub fn query(&self, hash: Hash, query: &Query) -> String {
        self.question(hash, query).code()
    }

    /// Whether the API made this code for the question.
    pub fn is_query(&self, hash: Hash, query: &Query, code: &str) -> bool {
        self.question(hash, query).has(code)
    }

    /// Returns the code of a query's socket.
    pub fn socket(&self, hash: Hash, query: &Query) -> String {
        self.place(hash, query).code()
    }

    /// Whether an API that waits on the query's socket made this code.
    pub fn is_socket(&self, hash: Hash, query: &Query, code: &str) -> bool {
        self.place(hash, query).has(code)
    }

    /// Returns the code of a report on the query of this hash.
    pub fn report(&self, query: Hash, report: &Report) -> Option<String> {
        Some(self.answer(query, &report.fields())?.code())
    }

    /// Whether the report daemon made this code for a report of these fields on the query of this hash.
    pub fn is_report(&self, query: Hash, fields: &Map<String, Value>, code: &str) -> bool {
        let fields: BTreeMap<&str, &Value> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        let answer = self.answer(query, &fields);
        answer.is_some_and(|answer| answer.has(code))
    }

    /// The parts of a query that stay as they are while it is answered.
    fn question(&self, hash: Hash, query: &Query) -> Message {
        let (hash, timestamp) = (hash.to_string(), query.timestamp.get().to_be_bytes());
        let texts = [
            &hash,
            &query.qtype,
            &query.qhash,
            &query.qdata,
            &query.userid,
        ];
        let texts = texts.into_iter().map(|text| text.as_bytes());
        let encrypted = [u8::from(query.encrypted)];
        let rest = [timestamp.as_slice(), &encrypted];
        self.0.message(Purpose::Query, texts.chain(rest))
    }

    fn place(&self, hash: Hash, query: &Query) -> Message {
        let (hash, port) = (hash.to_string(), query.socket.port.to_be_bytes());
        let parts = [
            hash.as_bytes(),
            query.socket.host.as_bytes(),
            &port,
            query.socket.nonce.as_bytes(),
        ];
        self.0.message(Purpose::Socket, parts)
    }

    /// The report's JSON, its fields in the order of their names.
    fn answer(&self, query: Hash, fields: &BTreeMap<&str, impl Serialize>) -> Option<Message> {
        let query = query.to_string();
        let mut message = self.0.message(Purpose::Report, [query.as_bytes()]);
        serde_json::to_writer(&mut message, fields).ok()?;
        message.flush().ok()?;
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tahoe_core::question::QueryType;
    use tahoe_core::{Socket, Status, Timestamp};

    use super::*;

    fn query() -> Query {
        Query {
            qtype: "count".to_owned(),
            qdata: "sealed".to_owned(),
            qhash: "0".repeat(64),
            userid: "1".repeat(64),
            timestamp: Timestamp::new(1.5).unwrap(),
            encrypted: true,
            status: Status::Wait,
            report_id: None,
            socket: Socket {
                host: "127.0.0.1".to_owned(),
                port: 4711,
                nonce: "n".repeat(32),
            },
        }
    }

    #[test]
    fn a_code_covers_all_of_a_question_and_no_more() {
        let macs = QueryMacs::of(&SecretString::from("secret"));
        let hash = Hash::of(&["query"]);
        let code = macs.query(hash, &query());
        assert!(macs.is_query(hash, &query(), &code));
        let changed = |change: fn(&mut Query)| {
            let mut query = query();
            change(&mut query);
            query
        };
        for forged in [
            changed(|q| q.qtype = "related".to_owned()),
            changed(|q| q.qdata = "open".to_owned()),
            changed(|q| q.qhash = "2".repeat(64)),
            changed(|q| q.userid = "2".repeat(64)),
            changed(|q| q.timestamp = Timestamp::new(2.5).unwrap()),
            changed(|q| q.encrypted = false),
        ] {
            assert!(!macs.is_query(hash, &forged, &code), "{forged:?}");
        }
        assert!(!macs.is_query(Hash::of(&["other"]), &query(), &code));
        let answered = query().changed(Status::Ready, Some(hash));
        assert!(macs.is_query(hash, &answered, &code));
        let moved = changed(|q| q.socket.port = 25);
        assert!(macs.is_query(hash, &moved, &code));
        assert!(!macs.is_socket(hash, &moved, &macs.socket(hash, &query())));
        assert!(macs.is_socket(hash, &query(), &macs.socket(hash, &query())));
    }

    #[test]
    fn a_report_is_known_by_its_json_whatever_the_order_of_its_fields() {
        let macs = QueryMacs::of(&SecretString::from("secret"));
        let hash = Hash::of(&["query"]);
        let at = Timestamp::new(2.0).unwrap();
        let data = json!({"ipv4": ["203.0.113.9"], "score": 1.0});
        let report = Report::new(QueryType::Related, "u".to_owned(), at, data, 1, 2).unwrap();
        let report = report.beside(Map::from_iter([("total".to_owned(), json!(3))]));
        let code = macs.report(hash, &report).unwrap();
        let document = serde_json::to_value(&report).unwrap();
        let fields: Map<String, Value> = document.as_object().unwrap().clone();
        let turned: Map<String, Value> = fields.clone().into_iter().rev().collect();
        assert!(macs.is_report(hash, &fields, &code));
        assert!(macs.is_report(hash, &turned, &code));
        assert!(!macs.is_report(Hash::of(&["other"]), &fields, &code));
        for (field, value) in [
            ("data", json!({"ipv4": ["203.0.113.8"], "score": 1.0})),
            ("data", json!({"ipv4": ["203.0.113.9"], "score": 1})),
            ("total", json!(4)),
            ("more", json!("true")),
            ("new", json!(null)),
        ] {
            let mut forged = fields.clone();
            forged.insert(field.to_owned(), value);
            assert!(!macs.is_report(hash, &forged, &code), "{forged:?}");
        }
    }
}
