//! Texts in error messages.

/// Returns the first 100 characters of a text for an error message, because the text may be megabytes long.
pub(crate) fn excerpt(text: &str) -> std::borrow::Cow<'_, str> {
    const CHARS: usize = 100;
    match text.char_indices().nth(CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]).into(),
        None => text.into(),
    }
}
