//! Undoing the defanging of text that was written so that nobody can click on it: `hxxp://evil[.]example`.
//!
//! The spellings are those of reports, feeds and the test cases of iocextract and ioc_fanger.

/// Characters that begin a defanged mark, and the dot, which brackets may follow.
const BEGINS_MARK: [char; 10] = ['[', '(', '{', ']', ')', '}', '\\', '^', ' ', '.'];

/// The most brackets and spaces on either side of a mark: `[[ . ]]`.
const AROUND: usize = 4;

/// Words that stand for a mark, longest first; they count only in brackets.
const WORDS: [(&str, &str); 8] = [
    ("arroba", "@"),
    ("punkt", "."),
    ("punto", "."),
    ("ponto", "."),
    ("point", "."),
    ("dot", "."),
    ("at", "@"),
    ("et", "@"),
];

/// Marks that count only with brackets on both sides.
const ENCLOSED: [&str; 5] = ["://", "//", ":", "/", "@"];

/// Returns the text in lower case with its defanged marks undone. It serves for reading a host, not for keeping.
pub(crate) fn refang(text: &str) -> String {
    let text = text.to_lowercase();
    let mut meant = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(BEGINS_MARK) {
        meant.push_str(&rest[..at]);
        rest = &rest[at..];
        let after_name = meant.ends_with(is_name);
        let (mark, length) = mark(rest, after_name).unwrap_or((&rest[..1], 1));
        meant.push_str(mark);
        rest = &rest[length..];
    }
    meant.push_str(rest);
    meant
}

/// The certainty that a dot was defanged, and does not just stand beside a bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Defanged {
    /// Escaped: `a\.b`, `a^.b`. It may also be a regular expression.
    Escaped,
    /// With one bracket: `a[.b`, `a.]b`.
    HalfOpen,
    /// With both brackets: `a[.]b`.
    Enclosed,
}

/// Returns the most certain kind of the defanged dots in `text`.
pub(super) fn defanged_dot(text: &str) -> Option<Defanged> {
    let mut surest = None;
    let mut from = 0;
    while let Some(at) = text[from..].find(BEGINS_MARK).map(|at| from + at) {
        let after_name = text[..at].ends_with(is_name);
        let mut length = 1;
        if let Some((".", spelled)) = mark(&text[at..], after_name) {
            surest = surest.max(defanging(&text[at..at + spelled]));
            length = spelled;
        }
        from = at + length;
    }
    surest
}

fn defanging(spelled: &str) -> Option<Defanged> {
    match spelled {
        "." | "].[" | "]." | ".[" => None,
        "[." | ".]" => Some(Defanged::HalfOpen),
        _ if spelled.starts_with(['\\', '^']) => Some(Defanged::Escaped),
        _ => Some(Defanged::Enclosed),
    }
}

/// Returns the mark at the start of `text`, and the length of its spelling.
fn mark(text: &str, after_name: bool) -> Option<(&'static str, usize)> {
    let open = around(text, &['[', '(', '{', ']', ')', '}', '\\', '^', ' ']);
    let inner = &text[open.len()..];
    if let Some(rest) = inner.strip_prefix('.') {
        let close = around(rest, &[']', ')', '}', '[', '(', '{', ' ']);
        let before_name = rest[close.len()..].starts_with(is_name);
        return is_dot(open, close, after_name, before_name)
            .then_some((".", open.len() + 1 + close.len()));
    }
    let enclosed = |spelling: &str| {
        let rest = strip_prefix(inner, spelling)?;
        let close = around(rest, &[']', ')', '}', ' ']);
        let is_enclosed = open.contains(['[', '(', '{']) && close.contains([']', ')', '}']);
        is_enclosed.then_some(open.len() + spelling.len() + close.len())
    };
    let word = WORDS
        .iter()
        .find_map(|(word, meant)| Some((*meant, enclosed(word)?)));
    word.or_else(|| {
        let mut marks = ENCLOSED.iter().chain(&["-"]);
        marks.find_map(|mark| Some((*mark, enclosed(mark)?)))
    })
}

/// Whether this is a defanged dot: `[.]`, or one of the half-open forms that have no other use: `a[.b`, `a.]b`, `a\.b`,
/// `a^.b`.
fn is_dot(open: &str, close: &str, after_name: bool, before_name: bool) -> bool {
    let opens = open.contains(['[', '(', '{']);
    let closes = close.contains([']', ')', '}']);
    if opens && closes {
        return after_name;
    }
    let half = open.contains(['[', ']', '\\', '^']) || close.contains(['[', ']']);
    let spaced = open.contains(' ') || close.contains(' ');
    half && !spaced && after_name && before_name
}

fn around<'a>(text: &'a str, marks: &[char]) -> &'a str {
    let end = text
        .char_indices()
        .take(AROUND)
        .take_while(|(_, c)| marks.contains(c))
        .last();
    &text[..end.map_or(0, |(at, _)| at + 1)]
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start
        .eq_ignore_ascii_case(prefix)
        .then(|| &text[prefix.len()..])
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_meant() {
        for (defanged, meant) in [
            ("evil[.]example", "evil.example"),
            ("EVIL(.)Example{.}org", "evil.example.org"),
            ("evil[dot]example(DOT)org", "evil.example.org"),
            ("evil [.] example", "evil.example"),
            ("evil[ . ]example", "evil.example"),
            ("evil [dot] example", "evil.example"),
            ("evil[[.]]example", "evil.example"),
            ("evil[.example", "evil.example"),
            ("evil.]example", "evil.example"),
            ("evil].example.[org", "evil.example.org"),
            ("www[.[example].]org", "www.example.org"),
            ("evil\\.example^.org", "evil.example.org"),
            ("evil(punto)example(punkt)org", "evil.example.org"),
            ("eve[@]evil[.]example", "eve@evil.example"),
            ("eve(at)evil.example", "eve@evil.example"),
            ("eve [at] evil [dot] example", "eve@evil.example"),
            ("evil[-]er[.]example", "evil-er.example"),
            ("evil[.]example[:]80[/]x", "evil.example:80/x"),
            ("2001[:]db8[:][:]1", "2001:db8::1"),
            ("evil[.]example[.]", "evil.example."),
            // text that is no mark stays unchanged
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
            ("f(x).y [z]. (a) b", "f(x).y [z]. (a) b"),
            ("setup(.exe) [.htaccess]", "setup(.exe) [.htaccess]"),
            ("attack [attack] dot", "attack [attack] dot"),
            ("", ""),
        ] {
            assert_eq!(refang(defanged), meant, "{defanged}");
            let dot = defanged_dot(defanged);
            assert!(dot.is_none() || meant.contains('.'), "{defanged}");
        }
        for (text, expected) in [
            ("a[.]b.c", Some(Defanged::Enclosed)),
            ("a.b [ dot ] c[.d", Some(Defanged::Enclosed)),
            ("a.b.]c", Some(Defanged::HalfOpen)),
            ("a[.b\\.c", Some(Defanged::HalfOpen)),
            ("a\\.b", Some(Defanged::Escaped)),
            ("a].b Sale.[The a].[b", None),
            ("a.b (c).d [2001:db8::1]:80", None),
        ] {
            assert_eq!(defanged_dot(text), expected, "{text}");
        }
    }
}
