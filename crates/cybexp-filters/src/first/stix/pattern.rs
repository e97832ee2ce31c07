//! The comparisons of a pattern with single values: `[ipv4-addr:value = '203.0.113.9']`.
//!
//! A comparison names a value by `=`, `IN` and `ISSUBSET`, and by `LIKE` without a wildcard. Others are counted by reason.
//! `AND` puts comparisons into one group, since one observable has all of these values; `OR`, another pair of brackets and
//! the elements of a list begin a group. Where parentheses mix both, each comparison is a group.

use std::collections::BTreeMap;

/// The longest pattern that is read, in bytes.
const PATTERN: usize = 1 << 20;
/// The most values of a pattern.
const VALUES: usize = 5000;

/// A comparison with a value: the path of the property, without indexes and quotes, and the value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compared {
    pub(super) path: String,
    pub(super) value: String,
}

/// The values of a pattern.
#[derive(Debug, Default)]
pub(super) struct PatternValues {
    /// Comparisons, by the observable that has all of them.
    pub(super) groups: Vec<Vec<Compared>>,
    /// The number of comparisons that name no value, by reason.
    pub(super) left_out: BTreeMap<&'static str, u64>,
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A text in quotes, or a number.
    Value(String),
    /// A path, a keyword, or an operator.
    Word(String),
    /// The begin and the end of an observation.
    Begin,
    End,
}

/// Reads a pattern. One with an error gives what stands before and behind it.
pub(super) fn values(pattern: &str) -> PatternValues {
    let mut reading = Reading::default();
    let mut bytes = 0;
    let chars = pattern.chars().take_while(|c| {
        bytes += c.len_utf8();
        bytes <= PATTERN
    });
    for token in tokens(chars) {
        reading.take(token);
    }
    reading.end();
    if pattern.len() > PATTERN {
        reading.made.leave_out("pattern_too_long");
    }
    reading.made
}

impl PatternValues {
    fn leave_out(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_default() += 1;
    }
}

/// The meaning of an operator for the value behind it.
#[derive(Debug, Clone, Copy)]
enum Operator {
    Names,
    Like,
    Not(&'static str),
}

#[derive(Default)]
struct Reading {
    made: PatternValues,
    inside: bool,
    group: Vec<Compared>,
    /// Groups of the observation in hand, and whether parentheses mix their comparisons.
    groups: Vec<Vec<Compared>>,
    depth: usize,
    is_mixed: bool,
    path: Option<String>,
    operator: Option<Operator>,
    is_negated: bool,
    is_list: bool,
    count: usize,
}

impl Reading {
    fn take(&mut self, token: Token) {
        match token {
            Token::Begin => {
                self.end();
                self.inside = true;
            }
            Token::End => self.end(),
            _ if !self.inside => {}
            Token::Word(word) => self.word(word),
            Token::Value(value) => self.value(value),
        }
    }

    fn word(&mut self, word: String) {
        const RANGE: &str = "pattern_compares_order";
        let operator = match word.as_str() {
            "=" | "==" | "ISSUBSET" => Operator::Names,
            "IN" => {
                self.is_list = true;
                Operator::Names
            }
            "LIKE" => Operator::Like,
            "MATCHES" => Operator::Not("pattern_matches"),
            "!=" | "<>" => Operator::Not("pattern_negated"),
            "<" | ">" | "<=" | ">=" | "ISSUPERSET" => Operator::Not(RANGE),
            "NOT" => {
                self.is_negated = true;
                return;
            }
            "(" => {
                // those of a list are none
                self.depth += usize::from(!self.is_list);
                return;
            }
            ")" => {
                self.depth = self.depth.saturating_sub(usize::from(!self.is_list));
                self.is_list = false;
                return;
            }
            "OR" => {
                self.is_mixed |= self.depth > 0;
                self.groups.push(std::mem::take(&mut self.group));
                return self.next();
            }
            "AND" => return self.next(),
            path if path.contains(':') => {
                // some write it before the path
                let is_negated = self.is_negated && self.path.is_none();
                self.next();
                (self.path, self.is_negated) = (Some(word), is_negated);
                return;
            }
            _ => return,
        };
        self.operator = Some(operator);
    }

    /// Forgets the comparison in hand.
    fn next(&mut self) {
        (self.path, self.operator) = (None, None);
        (self.is_negated, self.is_list) = (false, false);
    }

    fn value(&mut self, value: String) {
        let (Some(path), Some(operator)) = (&self.path, self.operator) else {
            return;
        };
        if value.is_empty() {
            return;
        }
        let why = match operator {
            _ if self.is_negated => Some("pattern_negated"),
            Operator::Names => None,
            Operator::Like => value.contains(['%', '_']).then_some("pattern_like"),
            Operator::Not(why) => Some(why),
        };
        let why = why.or((self.count >= VALUES).then_some("pattern_of_many"));
        if let Some(why) = why {
            return self.made.leave_out(why);
        }
        self.count += 1;
        let compared = Compared {
            path: path.clone(),
            value,
        };
        match self.is_list {
            true => self.groups.push(vec![compared]),
            false => self.group.push(compared),
        }
    }

    /// Ends an observation.
    fn end(&mut self) {
        self.groups.push(std::mem::take(&mut self.group));
        let groups = std::mem::take(&mut self.groups).into_iter();
        match self.is_mixed {
            true => {
                let alone = groups.flatten().map(|compared| vec![compared]);
                self.made.groups.extend(alone);
            }
            false => self
                .made
                .groups
                .extend(groups.filter(|group| !group.is_empty())),
        }
        (self.inside, self.is_mixed, self.depth) = (false, false, 0);
        self.next();
    }
}

fn tokens(chars: impl Iterator<Item = char>) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = chars.peekable();
    let mut word = String::new();
    while let Some(c) = chars.next() {
        match c {
            // a quoted part of a path: `file:hashes.'SHA-256'`
            '\'' if word.ends_with('.') => {
                word.extend(chars.by_ref().take_while(|c| *c != '\''));
            }
            '\'' => {
                // `b'…'`, `h'…'` and `t'…'`: a time is text, too; the others are bytes, which no attribute holds
                let is_text = word.is_empty() || word == "t";
                word.clear();
                let text = quoted(&mut chars);
                if is_text {
                    tokens.push(Token::Value(text));
                }
            }
            // an index of a path: `network-traffic:protocols[0]`
            '[' if word.contains(':') => chars.by_ref().take_while(|c| *c != ']').for_each(drop),
            '[' | ']' => {
                end(&mut word, &mut tokens);
                tokens.push(if c == '[' { Token::Begin } else { Token::End });
            }
            '(' | ')' | '=' | '<' | '>' | '!' => {
                end(&mut word, &mut tokens);
                let mut operator = c.to_string();
                while "<>!=".contains(c) && chars.peek().is_some_and(|next| "=>".contains(*next)) {
                    operator.extend(chars.next());
                }
                tokens.push(Token::Word(operator));
            }
            c if c.is_whitespace() || c == ',' => end(&mut word, &mut tokens),
            c => word.push(c),
        }
    }
    end(&mut word, &mut tokens);
    tokens
}

fn quoted(chars: &mut impl Iterator<Item = char>) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            '\'' => break,
            c => text.push(c),
        }
    }
    text
}

fn end(word: &mut String, tokens: &mut Vec<Token>) {
    if word.is_empty() {
        return;
    }
    let word = std::mem::take(word);
    let is_number = word.parse::<f64>().is_ok_and(f64::is_finite);
    tokens.push(match is_number {
        true => Token::Value(word),
        false => Token::Word(word),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the groups as text: `path=value path=value|path=value`.
    fn read(pattern: &str) -> String {
        let groups = values(pattern).groups.into_iter().map(|group| {
            let all = group
                .iter()
                .map(|one| format!("{}={}", one.path, one.value));
            all.collect::<Vec<_>>().join(" ")
        });
        groups.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn values_are_read_with_their_quotes_undone() {
        let url = r"[url:value = 'http://evil.example/\'] OR [\\\'']";
        assert_eq!(read(url), r"url:value=http://evil.example/'] OR [\'");
        assert_eq!(
            read("[domain-name:value IN ('a.example', 'b.example') AND domain-name:x = 1]"),
            "domain-name:value=a.example|domain-name:value=b.example|domain-name:x=1"
        );
        let number = "[autonomous-system:number = 64500] REPEATS 5 TIMES WITHIN 60 SECONDS";
        assert_eq!(read(number), "autonomous-system:number=64500");
        assert_eq!(
            read(
                "[ipv4-addr:value ISSUBSET '203.0.113.0/24'] START t'2026-01-01T00:00:00Z' STOP t'2027-01-01T00:00:00Z'"
            ),
            "ipv4-addr:value=203.0.113.0/24"
        );
        assert_eq!(
            read("[ipv4-addr:value='203.0.113.9']"),
            "ipv4-addr:value=203.0.113.9"
        );
    }

    #[test]
    fn a_group_is_what_one_observable_has() {
        let file =
            "[file:hashes.'SHA-256' = 'aa' AND file:name='x y'] FOLLOWEDBY [url:value = 'b']";
        assert_eq!(
            read(file),
            "file:hashes.SHA-256=aa file:name=x y|url:value=b"
        );
        let either = "[file:name = 'a' OR file:name = 'b' AND file:hashes.MD5 = 'c']";
        assert_eq!(read(either), "file:name=a|file:name=b file:hashes.MD5=c");
        let mixed = "[(file:name = 'a' OR file:name = 'b') AND file:hashes.MD5 = 'c']";
        assert_eq!(read(mixed), "file:name=a|file:name=b|file:hashes.MD5=c");
        let indexed = "[email-message:to_refs[*].value = 'a' AND file:extensions.'windows-pebinary-ext'.imphash = 'b']";
        assert_eq!(
            read(indexed),
            "email-message:to_refs.value=a file:extensions.windows-pebinary-ext.imphash=b"
        );
    }

    #[test]
    fn what_names_no_value_is_left_out_with_its_reason() {
        for (pattern, why) in [
            ("[ipv4-addr:value != '203.0.113.9']", "pattern_negated"),
            ("[ipv4-addr:value NOT = '203.0.113.9']", "pattern_negated"),
            ("[NOT ipv4-addr:value = '203.0.113.9']", "pattern_negated"),
            (
                "[ipv4-addr:value NOT IN ('203.0.113.9')]",
                "pattern_negated",
            ),
            ("[url:value LIKE 'http://%']", "pattern_like"),
            ("[url:value MATCHES '^http']", "pattern_matches"),
            ("[file:size > 100]", "pattern_compares_order"),
        ] {
            let read = values(pattern);
            assert_eq!(read.groups, Vec::<Vec<Compared>>::new(), "{pattern}");
            assert_eq!(read.left_out, BTreeMap::from([(why, 1)]), "{pattern}");
        }
        assert_eq!(
            read("[url:value LIKE 'http://evil.example/']"),
            "url:value=http://evil.example/"
        );
        for none in [
            "[artifact:payload_bin = b'AAAA']",
            "",
            "'",
            "[[[:::='",
            "ipv4-addr:value = '203.0.113.9'",
        ] {
            assert_eq!(read(none), "", "{none}");
        }
        let many = format!("[{}]", vec!["url:value = 'a'"; 6000].join(" OR "));
        assert_eq!(
            values(&many).left_out,
            BTreeMap::from([("pattern_of_many", 1000)])
        );
    }
}
