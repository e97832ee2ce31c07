//! Connections in code: `connect(("evil.example",4444))`, `fsockopen('evil.example', 80)`.

use super::indicator::Indicator;
use super::tools;

/// The longest name, with the quote before it.
const NAME_BYTES: usize = 254;

/// The hosts that stand in quotes before a comma and a port.
pub(super) fn targets(text: &str) -> impl Iterator<Item = Indicator> + '_ {
    text.match_indices(',').filter_map(move |(at, _)| {
        let port = text[at + 1..].trim_start_matches(' ');
        let digits = port.bytes().take(6).take_while(u8::is_ascii_digit).count();
        let number: u16 = port[..digits].parse().ok()?;
        let goes_on =
            port[digits..].starts_with(|c: char| c.is_alphanumeric() || ".'\"".contains(c));
        let before = text[..at].strip_suffix(['"', '\''])?;
        let before = before.strip_suffix('\\').unwrap_or(before);
        let name = before.bytes().rev().take(NAME_BYTES);
        let name = name
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
            .count();
        let (open, name) = before.split_at(before.len() - name);
        let is_host = number > 0 && !goes_on && open.ends_with(['"', '\'']);
        is_host.then(|| tools::known_host(name)).flatten()
    })
}
