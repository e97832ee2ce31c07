//! Validators of conditional requests.

use reqwest::Response;
use reqwest::header::{
    ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use serde::{Deserialize, Serialize};

use cybexp_spool::ItemKey;

/// Longer ones are not kept.
const MAX_VALIDATOR: usize = 1024;

/// The validators of one state of a document (RFC 9110, 8.8), and the document that they are of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    of: String,
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Validators {
    /// The validators of a response to a request for the document that `of` names; `None` if it has none.
    pub fn of(of: &str, response: &Response) -> Option<Self> {
        let header = |name: HeaderName| {
            let value = response.headers().get(name)?.to_str().ok()?;
            (value.len() <= MAX_VALIDATOR).then(|| value.to_owned())
        };
        let (etag, last_modified) = (header(ETAG), header(LAST_MODIFIED));
        (etag.is_some() || last_modified.is_some()).then(|| Self {
            of: name(of),
            etag,
            last_modified,
        })
    }

    /// Whether they are of the document that `of` names.
    pub fn are_of(&self, of: &str) -> bool {
        self.of == name(of)
    }

    /// The request's conditions, with what the source sent, to the letter.
    pub(crate) fn headers(&self) -> HeaderMap {
        let conditions = [
            (IF_NONE_MATCH, &self.etag),
            (IF_MODIFIED_SINCE, &self.last_modified),
        ];
        let conditions = conditions.into_iter().filter_map(|(name, value)| {
            let value = value.as_deref()?.parse().ok()?;
            Some((name, value))
        });
        conditions.collect()
    }
}

/// A name of a document that says nothing of the keys in its URL.
fn name(of: &str) -> String {
    ItemKey::of(of).to_string()
}
