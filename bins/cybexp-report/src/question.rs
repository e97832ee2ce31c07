//! Reads the question in a query's `qdata`. No input, no output.

use cybexp_seal::PrivateKey;
use tahoe_core::question::Question;
use tahoe_core::{Hash, Query, python_bytes};

/// Returns the question of a query, or the reason why it cannot be read, beginning with the field.
pub(crate) fn question_of(query: &Query, key: &PrivateKey) -> Result<Question, String> {
    // the Python API stores bytes as the text of a literal, ours as they are
    let bytes = if python_bytes::is_literal(&query.qdata) {
        python_bytes::parse(&query.qdata).map_err(|error| format!("field qdata: {error}"))?
    } else {
        query.qdata.clone().into_bytes()
    };
    let bytes = if query.encrypted {
        key.open(&bytes)
            .map_err(|error| format!("field qdata: seal: {error}"))?
    } else {
        bytes
    };
    let text = String::from_utf8(bytes).map_err(|_| "field qdata: not UTF-8".to_owned())?;
    if Hash::of(&[&text]).to_string() != query.qhash {
        return Err("field qhash: not the hash of the question".to_owned());
    }
    Question::decode(&query.qtype, &text, query.timestamp.get()).map_err(|error| error.to_string())
}
