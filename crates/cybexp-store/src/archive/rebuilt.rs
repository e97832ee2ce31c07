//! Instances built anew from stored documents, for filters that read the graph.

use bson::RawDocument;
use tahoe_core::{Instance, Value};

use crate::mongo::json;

/// The fields of which an instance is built.
const FIELDS: [&str; 10] = [
    "itype",
    "sub_type",
    "orgid",
    "timestamp",
    "tlp",
    "data",
    "start_time",
    "end_time",
    "duration",
    "_hash",
];

/// Builds the instance of a document, with unknown category and contexts where the document was read without them.
///
/// # Errors
/// The reason why it is none.
pub(crate) fn instance(document: &RawDocument) -> Result<Instance, String> {
    let mut fields = serde_json::Map::new();
    for field in document.iter() {
        let (name, value) = field.map_err(|error| error.to_string())?;
        if FIELDS.contains(&name.as_str()) {
            let value = json::value(value).map_err(|error| format!("field {name}: {error}"))?;
            fields.insert(name.as_str().to_owned(), value);
        }
    }
    let rebuilt = Instance::rebuild(&Value::Object(fields)).map_err(|error| error.to_string())?;
    Ok(rebuilt.instance)
}
