//! Names and addresses in From, To and similar fields, in every spelling that reaches a mailbox.
//!
//! The grammar alone (RFC 5322) is not enough: a comma in an unquoted name, or an address within a comment or an
//! encoded word, hides the address from a parser while mail programs show it. So a field is cut into pieces on which
//! all readers agree, and the address is searched in each piece, the likeliest first.

use super::{header::FIELD_BYTES, words};

/// A name and an address, of which one may be missing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub(super) name: Option<String>,
    pub(super) address: Option<String>,
}

/// Returns the mailboxes of a field, including those of groups.
pub(super) fn mailboxes(field: &str) -> Vec<Mailbox> {
    read(&field[..field.floor_char_boundary(FIELD_BYTES)], true)
}

/// Reads a field. `whole` is false for text that was decoded or stood in a comment: it is not decoded again.
fn read(field: &str, whole: bool) -> Vec<Mailbox> {
    let mut found = Vec::new();
    // names that commas cut off from the address behind them
    let mut names = String::new();
    for entry in entries(field) {
        let mut mailboxes = entry.mailboxes(whole);
        match mailboxes.first_mut() {
            Some(first) if !names.is_empty() => {
                let rest = first.name.take().unwrap_or_default();
                first.name = Some(joined(&std::mem::take(&mut names), ", ", &rest));
            }
            Some(_) => {}
            None => {
                let name = entry.name();
                if !names.is_empty() && !name.is_empty() {
                    names.push_str(", ");
                }
                names.push_str(&name);
            }
        }
        found.extend(mailboxes);
    }
    if !names.is_empty() {
        found.push(Mailbox {
            name: Some(names),
            address: None,
        });
    }
    found
}

fn joined(first: &str, between: &str, second: &str) -> String {
    match (first, second) {
        ("", text) | (text, "") => text.to_owned(),
        _ => format!("{first}{between}{second}"),
    }
}

/// A piece of a field.
#[derive(Debug, Clone, Copy)]
enum FieldPiece<'a> {
    /// Plain text, with encoded words in it.
    Text(&'a str),
    /// Text that stood in double quotes, with its escapes.
    Quoted(&'a str),
    /// Text that stood in angle brackets.
    Angle(&'a str),
    /// Text that stood in parentheses.
    Comment(&'a str),
}

/// The pieces between two commas.
#[derive(Debug, Default)]
struct ListItem<'a>(Vec<FieldPiece<'a>>);

impl<'a> ListItem<'a> {
    fn mailboxes(&self, whole: bool) -> Vec<Mailbox> {
        let in_brackets = self.in_brackets();
        if !in_brackets.is_empty() {
            return in_brackets;
        }
        if let Some(mailbox) = self.bare() {
            return vec![mailbox];
        }
        if !whole {
            return Vec::new();
        }
        let name = self.name();
        let hidden = [self.texts(), self.comments()]
            .into_iter()
            .find_map(|text| {
                let mut within = read(&text, false);
                within.retain(|mailbox| mailbox.address.is_some());
                (!within.is_empty()).then_some(within)
            });
        let mut hidden = hidden.unwrap_or_default();
        if let [mailbox] = hidden.as_mut_slice()
            && mailbox.name.is_none()
            && !name.contains('@')
        {
            mailbox.name = Some(name).filter(|name| !name.is_empty());
        }
        hidden
    }

    /// `name <address>`; each bracket with an address in it is one.
    fn in_brackets(&self) -> Vec<Mailbox> {
        let mut found: Vec<Mailbox> = Vec::new();
        let mut start = 0;
        for (at, piece) in self.0.iter().enumerate() {
            let FieldPiece::Angle(text) = piece else {
                continue;
            };
            let Some(address) = address(text) else {
                continue;
            };
            let name = name_of(&self.0[start..at]);
            found.push(Mailbox {
                name,
                address: Some(address),
            });
            start = at + 1;
        }
        found
    }

    /// `address (name)`, `name address`, `"address"`.
    fn bare(&self) -> Option<Mailbox> {
        let texts = self.0.iter().filter_map(|piece| match piece {
            FieldPiece::Text(text) => Some(*text),
            _ => None,
        });
        let quoted = self.0.iter().filter_map(|piece| match piece {
            FieldPiece::Quoted(text) => Some(*text),
            _ => None,
        });
        // An encoded word that holds the @ also holds more than an address.
        let text = texts
            .chain(quoted)
            .find(|text| text.contains('@') && address(text).is_some())?;
        let around: Vec<FieldPiece<'_>> = self
            .0
            .iter()
            .copied()
            .filter(|piece| !matches!(piece, FieldPiece::Text(known) | FieldPiece::Quoted(known) if *known == text))
            .collect();
        let beside = words::decoded(&beside_address(text));
        let name = joined(&beside, " ", &name_of(&around).unwrap_or_default());
        Some(Mailbox {
            name: Some(name).filter(|name| !name.is_empty()),
            address: address(text),
        })
    }

    /// Returns the entry as a name, if it holds no address.
    fn name(&self) -> String {
        let name = name_of(&self.0).unwrap_or_default();
        if !name.is_empty() {
            return name;
        }
        let brackets = self.0.iter().find_map(|piece| match piece {
            FieldPiece::Angle(text) => Some(words::decoded(text)),
            _ => None,
        });
        brackets.unwrap_or_default()
    }

    /// All text with its encoded words decoded.
    fn texts(&self) -> String {
        let mut texts = String::new();
        for piece in &self.0 {
            if let FieldPiece::Text(text) | FieldPiece::Quoted(text) = piece {
                texts.push_str(text);
            }
        }
        words::decoded(&texts)
    }

    fn comments(&self) -> String {
        let comments = self.0.iter().filter_map(|piece| match piece {
            FieldPiece::Comment(text) => Some(*text),
            _ => None,
        });
        words::decoded(&comments.collect::<Vec<_>>().join(" "))
    }
}

/// The name that pieces make: text and quoted text, else a comment.
fn name_of(pieces: &[FieldPiece<'_>]) -> Option<String> {
    let mut name = String::new();
    let mut comment = None;
    for piece in pieces {
        match piece {
            FieldPiece::Text(text) => name.push_str(text),
            FieldPiece::Quoted(text) => name.push_str(&unescaped(text)),
            FieldPiece::Comment(text) => comment = comment.or(Some(*text)),
            FieldPiece::Angle(_) => name.push(' '),
        }
    }
    let tidy = |text: &str| {
        let text = words::decoded(text);
        let text = text.trim_matches(|c: char| c.is_whitespace() || "\",;".contains(c));
        (!text.is_empty()).then(|| text.to_owned())
    };
    tidy(&name).or_else(|| tidy(&unescaped(comment?)))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => chars.next().unwrap_or(c),
            _ => c,
        });
    }
    plain
}

/// The address in a text without brackets and comments around it: the last word with something on both sides of an @.
fn address(text: &str) -> Option<String> {
    let text = without_route(text);
    let Some(rest) = text.trim_start().strip_prefix('"') else {
        return unquoted_address(text);
    };
    match rest.find("\"@") {
        Some(end) => {
            let domain = rest[end + 2..].split_whitespace().next()?;
            Some(format!("\"{}\"@{}", &rest[..end], tidy(domain)))
        }
        // the whole address in quotes, which phishers write and mail programs show: `<"info@bank.example">`
        None => unquoted_address(rest),
    }
}

fn unquoted_address(text: &str) -> Option<String> {
    let decoded = if text.contains("=?") {
        words::decoded(text)
    } else {
        text.to_owned()
    };
    // The obsolete form has blanks around the @.
    let words: Vec<&str> = decoded.split_whitespace().collect();
    let at = words.iter().rposition(|word| word.contains('@'))?;
    let word = words[at];
    let before = (word.starts_with('@') && at > 0).then(|| words[at - 1]);
    let after = word.ends_with('@').then(|| words.get(at + 1)).flatten();
    let whole = format!(
        "{}{word}{}",
        before.unwrap_or_default(),
        after.unwrap_or(&"")
    );
    let whole = tidy(&whole);
    let (local, domain) = whole.rsplit_once('@')?;
    (!local.is_empty() && !domain.is_empty()).then(|| whole.to_owned())
}

/// `<@relay.example,@other.example:user@host.example>` names the way before the address.
fn without_route(text: &str) -> &str {
    let text = text.trim();
    if !text.starts_with('@') {
        return text;
    }
    text.split_once(':').map_or(text, |(_, address)| address)
}

fn tidy(word: &str) -> &str {
    let around = |c: char| "<>()[]{},;:.'\"`“”‘’".contains(c) || c.is_whitespace();
    let is_literal = word.ends_with(']') && word.contains("@[");
    let word = word.trim_start_matches(around);
    let word = match word.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &word[7..],
        _ => word,
    };
    if is_literal {
        word
    } else {
        word.trim_end_matches(around)
    }
}

/// Returns the text beside the address in a text without brackets.
fn beside_address(text: &str) -> String {
    if text.trim_start().starts_with('"') {
        return String::new();
    }
    let words = text.split_whitespace().filter(|word| !word.contains('@'));
    // Without blanks around the @ only: `a @ b` has no name.
    if text
        .split_whitespace()
        .any(|word| word.starts_with('@') || word.ends_with('@'))
    {
        return String::new();
    }
    let words: Vec<&str> = words.collect();
    let name = words.join(" ");
    name.trim_matches(|c: char| "<>()[],;:'\"-".contains(c) || c.is_whitespace())
        .to_owned()
}

/// Cuts a field at its commas and semicolons. The name of a group is left out.
fn entries(field: &str) -> Vec<ListItem<'_>> {
    let closing = closing_parentheses(field);
    // A colon ends the name of a group where a semicolon ends the group; elsewhere it is part of a name.
    let last_semicolon = field.rfind(';').unwrap_or_default();
    let mut last_quote = field.rfind('"').unwrap_or_default();
    let last_angle = field.rfind('>').unwrap_or_default();
    let mut entries = vec![ListItem::default()];
    let mut start = 0;
    let mut at = 0;
    let bytes = field.as_bytes();
    while at < bytes.len() {
        // Each piece ends where `end` says; what was passed over before it is text.
        let (piece, end) = match bytes[at] {
            b'"' if at < last_quote => match closing_quote(field, at) {
                // A quoted word is part of an address where an @ follows.
                Some(end) if bytes.get(end + 1) == Some(&b'@') => {
                    at = end + 1;
                    continue;
                }
                Some(end) => (Some(FieldPiece::Quoted(&field[at + 1..end])), end + 1),
                None => {
                    last_quote = at;
                    continue;
                }
            },
            b'(' => match closing.get(&at) {
                Some(end) => (Some(FieldPiece::Comment(&field[at + 1..*end])), end + 1),
                None => {
                    at += 1;
                    continue;
                }
            },
            b'<' => {
                let end = if at < last_angle {
                    field[at..].find('>')
                } else {
                    None
                };
                let end = end.map_or(field.len(), |end| at + end);
                (
                    Some(FieldPiece::Angle(&field[at + 1..end])),
                    (end + 1).min(field.len()),
                )
            }
            b',' | b';' => (None, at + 1),
            b':' if at < last_semicolon => {
                let is_name = !field[start..at].contains('@')
                    && entries.last().is_some_and(|entry| !has_brackets(entry));
                if is_name {
                    start = at + 1;
                    if let Some(entry) = entries.last_mut() {
                        entry.0.clear();
                    }
                }
                at += 1;
                continue;
            }
            _ => {
                at += 1;
                continue;
            }
        };
        if let Some(entry) = entries.last_mut() {
            push_text(entry, &field[start..at]);
            entry.0.extend(piece);
        }
        if piece.is_none() {
            entries.push(ListItem::default());
        }
        (start, at) = (end, end);
    }
    if let Some(entry) = entries.last_mut() {
        push_text(entry, &field[start..]);
    }
    entries.retain(|entry| !entry.0.is_empty());
    entries
}

fn has_brackets(entry: &ListItem<'_>) -> bool {
    entry
        .0
        .iter()
        .any(|piece| matches!(piece, FieldPiece::Angle(_)))
}

fn push_text<'a>(entry: &mut ListItem<'a>, text: &'a str) {
    if !text.is_empty() {
        entry.0.push(FieldPiece::Text(text));
    }
}

fn closing_quote(field: &str, open: usize) -> Option<usize> {
    let mut is_escaped = false;
    for (at, byte) in field.bytes().enumerate().skip(open + 1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// Returns the position at which each opening parenthesis is closed.
fn closing_parentheses(field: &str) -> std::collections::HashMap<usize, usize> {
    let mut open = Vec::new();
    let mut pairs = std::collections::HashMap::new();
    for (at, byte) in field.bytes().enumerate() {
        match byte {
            b'(' => open.push(at),
            b')' => {
                if let Some(start) = open.pop() {
                    pairs.insert(start, at);
                }
            }
            _ => {}
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(field: &str) -> Vec<(String, String)> {
        let said = |text: Option<String>| text.unwrap_or_default();
        let mailboxes = mailboxes(field).into_iter();
        mailboxes.map(|m| (said(m.name), said(m.address))).collect()
    }

    #[test]
    fn finds_the_address_in_every_spelling() {
        const EVE: &str = "eve@evil.example";
        for (field, name, address) in [
            ("Eve <eve@evil.example>", "Eve", EVE),
            ("eve@evil.example", "", EVE),
            ("<eve@evil.example>", "", EVE),
            ("eve@evil.example (Eve)", "Eve", EVE),
            ("Eve eve@evil.example", "Eve", EVE),
            ("\"Eve, CEO\" <eve@evil.example>", "Eve, CEO", EVE),
            // Commas, parentheses and colons in names that are not quoted.
            ("Some Team, abcd <eve@evil.example>", "Some Team, abcd", EVE),
            ("A, B, C <eve@evil.example>", "A, B, C", EVE),
            ("Some-Expert,(<eve@evil.example>)", "Some-Expert", EVE),
            ("Expert (eve@evil.example)", "Expert", EVE),
            ("Team (Support) <eve@evil.example>", "Team", EVE),
            ("Alert: PayPal <eve@evil.example>", "Alert: PayPal", EVE),
            ("Eve) (x <eve@evil.example>", "Eve) (x", EVE),
            ("Team; Mail <eve@evil.example>", "Team, Mail", EVE),
            // Names that look like addresses.
            (
                "service@paypal.example <eve@evil.example>",
                "service@paypal.example",
                EVE,
            ),
            ("\"a@b.example\" <eve@evil.example>", "a@b.example", EVE),
            (
                "\"x <a@b.example>\" <eve@evil.example>",
                "x <a@b.example>",
                EVE,
            ),
            // Encoded words.
            ("=?utf-8?B?TmFtZSA8ZXZlQGV2aWwuZXhhbXBsZT4=?=", "Name", EVE),
            ("=?utf-8?q?Eve=2C_CEO?= <eve@evil.example>", "Eve, CEO", EVE),
            ("\"=?utf-8?q?Eve?=\" <eve@evil.example>", "Eve", EVE),
            ("Eve <=?utf-8?q?eve?=@evil.example>", "Eve", EVE),
            (
                "=?utf-8?q?Eve?= =?utf-8?q?_=3Ceve=40evil=2Eexample=3E?=",
                "Eve",
                EVE,
            ),
            ("=?utf-8?q?eve=40evil.example?=", "", EVE),
            // Broken brackets and quotes.
            ("Eve <eve@evil.example", "Eve", EVE),
            ("Eve eve@evil.example>", "Eve", EVE),
            ("<<eve@evil.example>>", "", EVE),
            ("\"Eve <eve@evil.example>", "Eve", EVE),
            ("Eve [mailto:eve@evil.example]", "Eve", EVE),
            ("\"eve@evil.example\"", "", EVE),
            ("'eve@evil.example'", "", EVE),
            ("Eve <mailto:eve@evil.example>", "Eve", EVE),
            ("Eve < eve @ evil.example >", "Eve", EVE),
            ("Eve <Eve eve@evil.example>", "Eve", EVE),
            ("Eve <@a.example,@b.example:eve@evil.example>", "Eve", EVE),
            ("\"Eve\r\n M.\" <eve@evil.example>", "Eve M.", EVE),
            ("\"eve m\"@evil.example", "", "\"eve m\"@evil.example"),
            ("<\"eve m\"@evil.example>", "", "\"eve m\"@evil.example"),
            ("Eve <\"eve@evil.example\">", "Eve", EVE),
            ("\"Eve\"<\"eve@evil.example\">", "Eve", EVE),
            ("Eve <'eve@evil.example'>", "Eve", EVE),
            ("Eve <\"M. Eve\" eve@evil.example>", "Eve", EVE),
            ("Eve <eve@[203.0.113.9]>", "Eve", "eve@[203.0.113.9]"),
            // Nothing that can be an address.
            ("Jane", "Jane", ""),
            ("\"Jane\" <>", "Jane", ""),
            ("Jane <root>", "Jane", ""),
            ("<root>", "root", ""),
            ("Jane <eve@>", "Jane", ""),
        ] {
            let expected = [(name.to_owned(), address.to_owned())];
            assert_eq!(shown(field), expected, "{field}");
        }
    }

    #[test]
    fn finds_every_mailbox() {
        let pair = |name: &str, address: &str| (name.to_owned(), address.to_owned());
        for (field, expected) in [
            (
                "a@a.example, B <b@b.example>",
                vec![pair("", "a@a.example"), pair("B", "b@b.example")],
            ),
            (
                "a@a.example; b@b.example;",
                vec![pair("", "a@a.example"), pair("", "b@b.example")],
            ),
            (
                "<a@a.example> <b@b.example>",
                vec![pair("", "a@a.example"), pair("", "b@b.example")],
            ),
            (
                "Friends: Bob <b@b.example>, c@c.example;, d@d.example",
                vec![
                    pair("Bob", "b@b.example"),
                    pair("", "c@c.example"),
                    pair("", "d@d.example"),
                ],
            ),
            ("undisclosed-recipients:;", vec![]),
            (
                "Doe, John <j@a.example>, b@b.example",
                vec![pair("Doe, John", "j@a.example"), pair("", "b@b.example")],
            ),
            (
                "a@a.example, Bob",
                vec![pair("", "a@a.example"), pair("Bob", "")],
            ),
            (" , ,", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(shown(field), expected, "{field}");
        }
    }
}
