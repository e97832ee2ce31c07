//! The comparisons of a pattern with single values: `[ipv4-addr:value = '203.0.113.9']`.
//!
//! Comparisons that are negated, or by `LIKE` and `MATCHES`, name no value, and are left out.

/// The longest pattern that is read, in bytes.
const PATTERN: usize = 64 << 10;

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A text in quotes, or a number.
    Value(String),
    /// A path, a word, or an operator.
    Word(String),
}

/// Returns the paths and values of all comparisons by `=`, `IN` and `ISSUBSET`.
pub(super) fn comparisons(pattern: &str) -> Vec<(String, String)> {
    let tokens = tokens(pattern.get(..PATTERN).unwrap_or(pattern));
    let mut found = Vec::new();
    let mut path: Option<&str> = None;
    let (mut is_equal, mut is_not) = (false, false);
    for token in &tokens {
        match token {
            Token::Word(word) => match word.as_str() {
                "=" | "==" | "IN" | "ISSUBSET" => is_equal = true,
                "NOT" => is_not = true,
                "(" | ")" | "," => {}
                word if word.contains(':') => {
                    path = Some(word);
                    (is_equal, is_not) = (false, false);
                }
                _ => is_equal = false,
            },
            Token::Value(value) => {
                if let Some(path) = path.filter(|_| is_equal && !is_not) {
                    found.push((path.to_owned(), value.clone()));
                }
            }
        }
    }
    found
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
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
            '[' | ']' | '(' | ')' | ',' | '=' | '<' | '>' | '!' => {
                // an index of a path: `network-traffic:extensions[0]`
                if c == '[' && word.contains(':') {
                    chars.by_ref().take_while(|c| *c != ']').for_each(drop);
                    continue;
                }
                end(&mut word, &mut tokens);
                let mut operator = c.to_string();
                while "<>!=".contains(c) && chars.peek().is_some_and(|next| "=>".contains(*next)) {
                    operator.extend(chars.next());
                }
                if !"[]".contains(c) {
                    tokens.push(Token::Word(operator));
                }
            }
            c if c.is_whitespace() => end(&mut word, &mut tokens),
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

    fn read(pattern: &str) -> Vec<(String, String)> {
        comparisons(pattern)
    }

    fn pair(path: &str, value: &str) -> (String, String) {
        (path.to_owned(), value.to_owned())
    }

    #[test]
    fn values_are_read_with_their_quotes_undone() {
        let url = r"[url:value = 'http://evil.example/\'] OR [\\\'']";
        let meant = r"http://evil.example/'] OR [\'";
        assert_eq!(read(url), [pair("url:value", meant)]);
        let file = "[file:hashes.'SHA-256' = 'aa' AND file:name='x y'] AND [ipv4-addr:value ISSUBSET '203.0.113.0/24']";
        let all = [
            pair("file:hashes.SHA-256", "aa"),
            pair("file:name", "x y"),
            pair("ipv4-addr:value", "203.0.113.0/24"),
        ];
        assert_eq!(read(file), all);
        let many = "[domain-name:value IN ('a.example', 'b.example')]";
        let both = [
            pair("domain-name:value", "a.example"),
            pair("domain-name:value", "b.example"),
        ];
        assert_eq!(read(many), both);
        let number = "[autonomous-system:number = 64500] REPEATS 5 TIMES WITHIN 60 SECONDS";
        assert_eq!(read(number), [pair("autonomous-system:number", "64500")]);
    }

    #[test]
    fn what_is_negated_or_no_value_is_left_out() {
        for none in [
            "[ipv4-addr:value != '203.0.113.9']",
            "[ipv4-addr:value NOT = '203.0.113.9']",
            "[url:value LIKE 'http://%']",
            "[url:value MATCHES '^http']",
            "[artifact:payload_bin = b'AAAA']",
            "[file:size > 100]",
            "",
            "'",
            "[[[:::='",
        ] {
            assert_eq!(read(none), [], "{none}");
        }
    }
}
