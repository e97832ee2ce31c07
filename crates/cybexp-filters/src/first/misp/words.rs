//! The words of a value that may hold several, or one with a label.

/// The longest value, in bytes, that is searched for several words or a label.
const VALUE_BYTES: usize = 4096;

/// Returns the value, if it is short enough to be split into words.
pub(super) fn short(value: &str) -> Option<&str> {
    Some(value).filter(|value| value.len() <= VALUE_BYTES)
}

/// A value without its label.
pub(super) struct Words<'a> {
    pub(super) said: &'a str,
    pub(super) has_label: bool,
}

/// Cuts off a label that stands in brackets or behind a dash or `#`; `None` if the value is too long to have one.
pub(super) fn of(value: &str) -> Option<Words<'_>> {
    let value = short(value)?;
    let ends = ["(", " #", " - ", " – ", " // "].map(|mark| value.find(mark));
    // a value that begins with a mark has no label to cut off
    let end = ends.into_iter().flatten().filter(|end| *end > 0).min();
    Some(match end {
        Some(end) => Words {
            said: value[..end].trim_end(),
            has_label: true,
        },
        None => Words {
            said: value,
            has_label: false,
        },
    })
}

/// Returns the words of a list, without quotes and brackets around them.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'))
        .map(|word| word.trim_matches(['"', '\'', '<', '>', '`', '(', ')']))
        .filter(|word| !word.is_empty())
}
