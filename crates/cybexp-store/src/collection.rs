//! Collections of documents that are read and written as they are on the wire.

use bson::RawDocumentBuf;

/// A collection whose documents are not parsed before someone asks for a field.
pub(crate) type Raws = mongodb::Collection<RawDocumentBuf>;

/// The largest document that is stored. MongoDB holds 16 MiB; the rest is for what the daemons note on it.
pub(crate) const DOCUMENT_LIMIT_BYTES: usize = 15 << 20;

/// The size of an instance as a document, or why it cannot be one.
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
