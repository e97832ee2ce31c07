//! Parts of filters that fuzz targets call by themselves.

use std::ops::Range;

use crate::url::{Language, spans};

/// Returns the places of URLs in prose.
pub fn url_spans(text: &str) -> Vec<Range<usize>> {
    spans(text, Language::Prose).collect()
}

/// Returns the places of URLs in shell commands.
pub fn shell_url_spans(text: &str) -> Vec<Range<usize>> {
    spans(text, Language::Shell).collect()
}
