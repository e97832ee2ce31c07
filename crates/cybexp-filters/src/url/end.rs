//! The end of a URL in text, where code, sentences or mark-up follow without a separator.

use super::scheme::SchemeStart;

/// The kind of text in which a URL stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Sentences, mark-up, and pasted data.
    Prose,
    /// Shell commands, in which `;`, `|`, `&` and brackets outside of quotes end a word.
    Shell,
}

/// The text before a URL, if it shows where the URL ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opener {
    None,
    SingleQuote,
    DoubleQuote,
    /// A form's `+` or `%20`: the text is percent-encoded, so the same mark ends the URL.
    EncodedSpace,
    /// No scheme before the host, so a list of hosts may go on behind a comma.
    NoScheme,
}

impl Opener {
    /// Reads the opener at the end of the text before a URL.
    pub(super) fn of(before: &str) -> Self {
        if before.ends_with('\'') {
            Self::SingleQuote
        } else if before.ends_with('"') {
            Self::DoubleQuote
        } else if before.ends_with(['+', '\t']) || before.ends_with("%20") {
            Self::EncodedSpace
        } else {
            Self::None
        }
    }
}

/// Characters after which a scheme begins another URL: `http://a.example,http://b.example`.
const SEPARATORS: [char; 12] = [',', ';', '|', '\'', '(', ')', '[', ']', '{', '}', '*', ' '];

/// Returns the end of the URL whose authority begins at `authority`, including punctuation at its end.
///
/// `starts` are the schemes in the word, at least those from `authority` on, in order. Reads no further than the end.
pub(super) fn end(
    word: &str,
    authority: usize,
    opener: Opener,
    language: Language,
    starts: &[SchemeStart],
) -> usize {
    let mut starts = starts.iter().map(|start| start.at).peekable();
    let has_backslashes = word[..authority].ends_with('\\');
    let is_bare_shell =
        language == Language::Shell && !matches!(opener, Opener::SingleQuote | Opener::DoubleQuote);
    let mut brackets = Brackets::default();
    let mut in_authority = true;
    let mut in_query = false;
    let mut before = ' ';
    for (offset, c) in word[authority..].char_indices() {
        let at = authority + offset;
        let rest = &word[at + c.len_utf8()..];
        while starts.next_if(|start| *start < at).is_some() {}
        if offset > 0 && starts.peek() == Some(&at) && SEPARATORS.contains(&before) {
            return at;
        }
        let ends = match c {
            '\'' => {
                language == Language::Shell || opener == Opener::SingleQuote || closes_quote(rest)
            }
            '(' if is_bare_shell && !rest.starts_with(".)") => true,
            '[' | '(' | '{' => {
                brackets.open(c);
                false
            }
            ']' | ')' | '}' => !brackets.close(c) && !is_around_dot(before, rest, in_authority),
            '\\' => !has_backslashes && ends_at_backslash(rest),
            '&' => begins_entity(rest) || (is_bare_shell && !(in_query && is_parameter(rest))),
            ';' | '|' => is_bare_shell || matches!(opener, Opener::EncodedSpace | Opener::NoScheme),
            ',' => opener == Opener::NoScheme,
            '$' => is_bare_shell && (rest.starts_with(['{', '(']) || rest.starts_with("IFS")),
            '+' => opener == Opener::EncodedSpace,
            '%' => opener == Opener::EncodedSpace && is_encoded_separator(rest),
            _ => false,
        };
        if ends {
            return at;
        }
        in_authority &= !matches!(c, '/' | '?' | '#');
        in_query |= c == '?';
        before = c;
    }
    word.len()
}

/// The number of open brackets of each kind.
#[derive(Default)]
struct Brackets([usize; 3]);

impl Brackets {
    fn open(&mut self, c: char) {
        self.0[kind(c)] += 1;
    }

    /// Closes a bracket; returns whether one was open.
    fn close(&mut self, c: char) -> bool {
        let open = &mut self.0[kind(c)];
        let is_open = *open > 0;
        *open = open.saturating_sub(1);
        is_open
    }
}

fn kind(bracket: char) -> usize {
    match bracket {
        '[' | ']' => 0,
        '(' | ')' => 1,
        _ => 2,
    }
}

/// Whether a bracket stands beside a dot: `a.]b` and, in a host, `a].b`.
fn is_around_dot(before: char, rest: &str, in_authority: bool) -> bool {
    let is_name = |text: &str| text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let dot_follows = rest.strip_prefix('.').is_some_and(is_name);
    (before == '.' && is_name(rest)) || (in_authority && dot_follows)
}

/// Whether a quote closes a string: code follows it. In `it's`, a letter follows.
fn closes_quote(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([')', ']', '}', ',', ';', '+', '&', '\\', '\''])
}

/// Whether a backslash ends the URL: it escapes a line end or a quote. One before a slash or dot does not, nor one that
/// a browser reads as a slash.
fn ends_at_backslash(rest: &str) -> bool {
    let mut chars = rest.chars();
    match chars.next() {
        None | Some('\'' | '"') => true,
        Some('n' | 'r' | 't') => !chars.next().is_some_and(|c| c.is_ascii_lowercase()),
        Some('x') => starts_with_any(
            &rest[1..],
            &["00", "0a", "0d", "20", "22", "27", "3c", "3e"],
        ),
        Some('u') => starts_with_any(&rest[1..], &["0022", "0027", "003c", "003e"]),
        Some(_) => false,
    }
}

/// Whether an entity begins here, such as `&quot;` or `&gt;`: the mark-up was escaped once more.
fn begins_entity(rest: &str) -> bool {
    let entities = [
        "quot;", "apos;", "lt;", "gt;", "nbsp;", "#34;", "#39;", "#x27;",
    ];
    starts_with_any(rest, &entities)
}

/// Whether `name=` begins here. A shell would end the word before it, but the person who typed it meant part of the
/// URL.
fn is_parameter(rest: &str) -> bool {
    const NAME_BYTES: usize = 64;
    let name = rest.bytes().take(NAME_BYTES);
    let length = name
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        .count();
    length > 0 && rest[length..].starts_with('=')
}

fn is_encoded_separator(rest: &str) -> bool {
    let encoded = [
        "09", "0a", "0d", "20", "22", "26", "27", "3b", "3c", "3e", "60", "7c",
    ];
    starts_with_any(rest, &encoded)
}

/// Whether a text starts with one of `wanted` (ASCII in lower case), in any case.
fn starts_with_any(text: &str, wanted: &[&str]) -> bool {
    wanted.iter().any(|wanted| {
        text.get(..wanted.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(wanted))
    })
}

/// Returns the URL without the punctuation of the sentence around it.
pub(super) fn without_punctuation(url: &str) -> &str {
    const PAIRS: [(char, char); 3] = [('(', ')'), ('[', ']'), ('{', '}')];
    // for each pair, the number of brackets closed without being opened
    let mut excess = PAIRS.map(|(open, close)| {
        let count = |wanted| url.chars().filter(|c| *c == wanted).count();
        count(close).saturating_sub(count(open))
    });
    let mut end = url.len();
    for (at, c) in url.char_indices().rev() {
        match PAIRS.iter().position(|(_, close)| *close == c) {
            Some(pair) if excess[pair] > 0 => excess[pair] -= 1,
            None if ".,:;!?'*_~|^\\([{ ".contains(c) => {}
            _ => break,
        }
        end = at;
    }
    &url[..end]
}
