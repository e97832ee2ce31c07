//! A query as it stands in the report database: the TDQL object.

use serde_json::Value;

use crate::excerpt::excerpt;
use crate::hash::Hash;
use crate::node::{Attribute, InvalidObject, Node, Object};
use crate::read::DocumentError;
use crate::scalar::Scalar;
use crate::scalar::Timestamp;
use crate::sub_type::SubType;

/// The state of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Made, but not asked.
    Invalid,
    /// Waiting for a report daemon.
    Wait,
    /// Taken by a report daemon.
    Processing,
    /// Answered by the report `report_id`.
    Ready,
    /// Failed or refused.
    Failed,
}

impl Status {
    /// Returns the status' name, as in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Wait => "wait",
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            Self::Invalid,
            Self::Wait,
            Self::Processing,
            Self::Ready,
            Self::Failed,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
    }

    /// Returns the attribute to which a query in this status refers. Queries are found by its hash.
    pub fn attribute(self) -> Attribute {
        Attribute::new(SubType::from_static("status"), self.as_str())
    }
}

/// The address at which the API waits to hear that the report is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// The host's name or address.
    pub host: String,
    /// The TCP port; 0 if nobody waits.
    pub port: u16,
    /// The text to send.
    pub nonce: String,
}

impl Default for Socket {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: 0,
            nonce: String::new(),
        }
    }
}

/// A query. Its hash is that of type, question, user and hour, so the same question within an hour is the same query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The type of report, as [`crate::question::QueryType`] names it.
    pub qtype: String,
    /// The canonical question, which may be sealed: as text, or as the text of a Python bytes literal.
    pub qdata: String,
    /// SHA-256 of the canonical question, in hex.
    pub qhash: String,
    /// `_hash` of the user who asked.
    pub userid: String,
    /// The time at which the query was asked.
    pub timestamp: Timestamp,
    /// Whether `qdata` is sealed.
    pub encrypted: bool,
    /// The state of the query.
    pub status: Status,
    /// `_hash` of the report, if there is one.
    pub report_id: Option<Hash>,
    /// The address at which the API waits.
    pub socket: Socket,
}

impl Query {
    /// Returns the TAHOE object of the query.
    pub fn to_object(&self) -> Result<Object, InvalidObject> {
        const fn sub_type(text: &'static str) -> SubType {
            SubType::from_static(text)
        }
        let text = |name, value: &str| Node::from(Attribute::new(sub_type(name), value));
        let report_id = self.report_id.map(|hash| hash.to_string());
        let socket = Object::new(
            sub_type("socket"),
            vec![
                text("host", &self.socket.host),
                Attribute::new(sub_type("port"), i64::from(self.socket.port)).into(),
                text("nonce", &self.socket.nonce),
            ],
        )?;
        Object::new(
            sub_type("query"),
            vec![
                text("qtype", &self.qtype),
                text("qdata", &self.qdata),
                text("qhash", &self.qhash),
                text("userid", &self.userid),
                Attribute::new(sub_type("timestamp"), self.timestamp).into(),
                Attribute::new(sub_type("encrypted"), self.encrypted).into(),
                self.status.attribute().into(),
                text("report_id", report_id.as_deref().unwrap_or_default()),
                socket.into(),
            ],
        )
    }

    /// Reads the document of a query, which must have the hashes of its content.
    pub fn from_document(document: &Value) -> Result<Self, DocumentError> {
        Self::from_object(&Object::from_document(document)?)
    }

    fn from_object(object: &Object) -> Result<Self, DocumentError> {
        let of = object.children();
        let socket = of
            .object("socket")
            .ok_or(DocumentError::Missing("socket"))?;
        let report_id = text(of.attribute("report_id"), "report_id")?;
        let wrong = |field, expected| DocumentError::Type { field, expected };
        Ok(Self {
            qtype: text(of.attribute("qtype"), "qtype")?,
            qdata: text(of.attribute("qdata"), "qdata")?,
            qhash: text(of.attribute("qhash"), "qhash")?,
            userid: text(of.attribute("userid"), "userid")?,
            timestamp: match of.attribute("timestamp") {
                Some(Scalar::Float(seconds)) => *seconds,
                Some(Scalar::Int(seconds)) => Timestamp::new(*seconds as f64)?,
                _ => return Err(wrong("timestamp", "a number")),
            },
            encrypted: match of.attribute("encrypted") {
                Some(Scalar::Bool(encrypted)) => *encrypted,
                _ => return Err(wrong("encrypted", "true or false")),
            },
            status: Status::parse(&text(of.attribute("status"), "status")?).ok_or(wrong(
                "status",
                "invalid, wait, processing, ready or failed",
            ))?,
            report_id: match report_id.as_str() {
                "" => None,
                hash => Some(hash.parse()?),
            },
            socket: Socket {
                host: text(socket.children().attribute("host"), "socket.host")?,
                port: match socket.children().attribute("port") {
                    Some(Scalar::Int(port)) => u16::try_from(*port).ok(),
                    _ => None,
                }
                .ok_or(wrong("socket.port", "a port number"))?,
                nonce: text(socket.children().attribute("nonce"), "socket.nonce")?,
            },
        })
    }

    /// Returns the query with another status and report.
    pub fn changed(&self, status: Status, report_id: Option<Hash>) -> Self {
        Self {
            status,
            report_id,
            ..self.clone()
        }
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} query of {}",
            excerpt(&self.qtype),
            excerpt(&self.userid)
        )
    }
}

fn text(scalar: Option<&Scalar>, field: &'static str) -> Result<String, DocumentError> {
    match scalar {
        None => Err(DocumentError::Missing(field)),
        Some(Scalar::Str(text)) => Ok(text.clone()),
        Some(_) => Err(DocumentError::Type {
            field,
            expected: "text",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_queries_are_found_by_the_hash_that_the_python_api_uses() {
        assert_eq!(
            Status::Wait.attribute().hash().to_string(),
            "64d6f946a875d0fc05774ef1e1fe4eaa4b2f1700c71df9a1bb33b0c0cfcbad89"
        );
    }
}
