//! Collections of documents that are read and written as they are on the wire.

use bson::{RawDeserializer, RawDocument, RawDocumentBuf};
use serde::de::DeserializeOwned;

/// A collection whose documents are not parsed before someone asks for a field.
pub(crate) type Raws = mongodb::Collection<RawDocumentBuf>;

/// The largest document that is stored. MongoDB holds 16 MiB; the rest is for what the daemons note on it.
pub(crate) const DOCUMENT_LIMIT_BYTES: usize = 15 << 20;

/// The document of an instance, or why it cannot be one.
pub(crate) fn to_document(instance: &impl serde::Serialize) -> Result<RawDocumentBuf, String> {
    let document =
        bson::serialize_to_raw_document_buf(instance).map_err(|error| error.to_string())?;
    let bytes = document.as_bytes().len();
    if bytes > DOCUMENT_LIMIT_BYTES {
        return Err(format!(
            "{bytes} bytes are more than the {} MiB that one document can hold",
            DOCUMENT_LIMIT_BYTES >> 20
        ));
    }
    Ok(document)
}

/// Why the archive cannot hold an instance, if it cannot: it is too large for one document.
pub fn check_fits(instance: &impl serde::Serialize) -> Result<(), String> {
    to_document(instance).map(|_| ())
}

/// What a document says, or why it says no such thing, with the field.
pub(crate) fn from_document<T: DeserializeOwned>(document: &RawDocument) -> Result<T, String> {
    let told = |error: bson::error::Error| {
        let kind = error.kind.to_string();
        error.message.unwrap_or(kind)
    };
    let bytes = document.as_bytes();
    bson::deserialize_from_slice(bytes).or_else(|_| {
        // once more, for following the path takes time that only errors are worth
        let deserializer = RawDeserializer::new(bytes).map_err(told)?;
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            match error.path().to_string().as_str() {
                "." => told(error.into_inner()),
                path => format!("field {path}: {}", told(error.into_inner())),
            }
        })
    })
}
