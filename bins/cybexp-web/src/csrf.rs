//! The field of forms that holds the session's token.

/// The name of the field that holds the session's token.
pub(crate) const CSRF: &str = "csrf";
