//! The causes of errors.

use std::io;

use crate::wire::tls::told;

/// The innermost cause of an error: it says most, and names no URL.
pub fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let told = cause.downcast_ref::<io::Error>().and_then(told);
    match cause.downcast_ref::<reqwest::Error>() {
        // it would print the URL
        Some(error) if error.is_timeout() => "no answer in time".to_owned(),
        Some(_) => "the request cannot be sent".to_owned(),
        None => told.unwrap_or_else(|| cause.to_string()),
    }
}
