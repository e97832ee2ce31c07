//! The STIX patterning language, as far as indicators of single values need it.

/// Returns a text as a string of a pattern.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'");
    format!("'{escaped}'")
}

/// Returns the pattern of an observable whose property at this path is equal to a text.
pub(crate) fn equals(path: &str, text: &str) -> String {
    format!("[{path} = {}]", quoted(text))
}

/// Returns the pattern of an address within a network.
pub(crate) fn within(path: &str, network: &str) -> String {
    format!("[{path} ISSUBSET {}]", quoted(network))
}

/// Returns the pattern of an observable whose property at this path is equal to a number.
pub(crate) fn number(path: &str, number: u32) -> String {
    format!("[{path} = {number}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_end_their_quotes() {
        let pattern = equals("url:value", r"http://evil.example/'] OR [\'");
        assert_eq!(pattern, r"[url:value = 'http://evil.example/\'] OR [\\\'']");
    }
}
