//! The words of a value in which several may stand, or one with a label.

/// Longer values are no address, host or number with a label.
const VALUE_BYTES: usize = 4096;

/// The value, if it is short enough to be read in words.
pub(super) fn short(value: &str) -> Option<&str> {
    Some(value).filter(|value| value.len() <= VALUE_BYTES)
}

/// A value up to its label.
pub(super) struct Words<'a> {
    pub(super) said: &'a str,
    pub(super) has_label: bool,
}

/// The value without a label that stands in brackets or behind a dash or `#`; `None` of a value that is too long to have
/// one.
pub(super) fn of(value: &str) -> Option<Words<'_>> {
    let value = short(value)?;
    let ends = ["(", " #", " - ", " – ", " // "].map(|mark| value.find(mark));
    // a value that begins with its label has none that ends it
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

/// Words as they stand in a list, without quotes and brackets around them.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'))
        .map(|word| word.trim_matches(['"', '\'', '<', '>', '`', '(', ')']))
        .filter(|word| !word.is_empty())
}
