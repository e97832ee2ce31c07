//! URLs in text, as people and phishing kits write them: bare, in brackets, at the end of a sentence, defanged.

use super::host_of_url;

/// Of schemes that lead to a host, and what people make of them so that nobody clicks.
const SCHEMES: [&str; 16] = [
    "http", "https", "hxxp", "hxxps", "hxtp", "hxtps", "htxp", "htxps", "ftp", "ftps", "fxp",
    "fxps", "sftp", "tftp", "ws", "wss",
];
const LONGEST_SCHEME: usize = 5;

/// Dots that were made harmless: where one is, a host stands without a scheme.
const DEFANGED_DOTS: [&str; 5] = ["[.]", "(.)", "{.}", "[dot]", "(dot)"];

/// The URLs in a text, in order, with repetitions, each as it was seen.
///
/// A URL begins with its scheme, with `www.`, or is a defanged host, and ends where white space, a quote or an
/// angle bracket stands. Of what is left at its end, punctuation and brackets that were opened before it do
/// not belong to it. Takes time in proportion to the text.
pub(crate) fn find(text: &str) -> impl Iterator<Item = &str> {
    text.split(ends_url).filter_map(in_word)
}

/// Whether a text begins with a scheme that leads to a host.
pub(super) fn begins(text: &str) -> bool {
    let colon = text
        .bytes()
        .take(LONGEST_SCHEME + 2)
        .position(|b| b == b':');
    colon.and_then(|at| start_before(text, at)) == Some(0)
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "<>\"`“”„‘’«»‹›「」『』，。、；！？…".contains(c)
}

fn in_word(word: &str) -> Option<&str> {
    let url = match with_scheme(word) {
        Some(url) => url,
        None => without_scheme(word)?,
    };
    let url = without_punctuation(url);
    host_of_url(url).map(|_| url)
}

fn with_scheme(word: &str) -> Option<&str> {
    let mut colons = word.match_indices(':');
    let start = colons.find_map(|(at, _)| start_before(word, at))?;
    Some(&word[start..])
}

/// Where a scheme begins that ends with the colon at `colon`, when slashes follow.
fn start_before(word: &str, colon: usize) -> Option<usize> {
    let (before, after) = (&word[..colon], &word[colon + 1..]);
    let (before, after) = match before.strip_suffix('[') {
        // `[:]//` and `[://]`
        Some(before) => (before, after.strip_prefix(']').unwrap_or(after)),
        None => (before, after),
    };
    if !(after.starts_with("//") || after.starts_with("\\\\")) {
        return None;
    }
    let letters = before.bytes().rev().take(LONGEST_SCHEME + 1);
    let length = letters.take_while(u8::is_ascii_alphabetic).count();
    let scheme = &before[before.len() - length..];
    // `linkhttp://…` names its scheme last.
    let known = SCHEMES.iter().filter(|known| {
        let tail = scheme.len().checked_sub(known.len());
        tail.is_some_and(|tail| scheme[tail..].eq_ignore_ascii_case(known))
    });
    Some(before.len() - known.map(|known| known.len()).max()?)
}

/// `www.example.org/…` and `evil[.]example/…`; not `user[@]evil[.]example`, which is an address.
fn without_scheme(word: &str) -> Option<&str> {
    let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    let is_www = word
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("www."));
    let host = word.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = is_www || (is_defanged(host) && !host.contains('@') && !host.contains("[at]"));
    is_host.then_some(word)
}

fn is_defanged(host: &str) -> bool {
    // The only forms with letters in them are short, so this is looked at once for each form and case.
    host.contains(['[', '(', '{'])
        && (DEFANGED_DOTS.iter().any(|dot| host.contains(dot))
            || ["[DOT]", "(DOT)"].iter().any(|dot| host.contains(dot)))
}

/// The URL without the end of the sentence that it stands in.
fn without_punctuation(url: &str) -> &str {
    const PAIRS: [(char, char); 3] = [('(', ')'), ('[', ']'), ('{', '}')];
    // For each pair, how many more are closed than were opened.
    let mut excess = PAIRS.map(|(open, close)| {
        let count = |wanted| url.chars().filter(|c| *c == wanted).count();
        count(close).saturating_sub(count(open))
    });
    let mut end = url.len();
    for (at, c) in url.char_indices().rev() {
        match PAIRS.iter().position(|(_, close)| *close == c) {
            Some(pair) if excess[pair] > 0 => excess[pair] -= 1,
            None if ".,:;!?'*_~|\\([{".contains(c) => {}
            _ => break,
        }
        end = at;
    }
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_urls_in_text() {
        for (text, expected) in [
            ("see http://a.example/x.", &["http://a.example/x"][..]),
            ("(https://a.example/x_(y))", &["https://a.example/x_(y)"]),
            ("[text](http://a.example/)!", &["http://a.example/"]),
            ("<HTTP://A.example>", &["HTTP://A.example"]),
            (
                "\"http://a.example\",'http://b.example',",
                &["http://a.example", "http://b.example"],
            ),
            (
                "Link:http://a.example/?u=https://b.example/",
                &["http://a.example/?u=https://b.example/"],
            ),
            ("linkhttp://a.example", &["http://a.example"]),
            ("hxxps://evil[.]example/a", &["hxxps://evil[.]example/a"]),
            (
                "hXXp[:]//evil(.)example[.]",
                &["hXXp[:]//evil(.)example[.]"],
            ),
            (
                "hxxp[://]192[.]0[.]2[.]7/x)",
                &["hxxp[://]192[.]0[.]2[.]7/x"],
            ),
            (
                "evil[.]example/x, WWW.Example.org;",
                &["evil[.]example/x", "WWW.Example.org"],
            ),
            (
                "evil[DOT]example (198[.]51[.]100[.]7)",
                &["evil[DOT]example", "198[.]51[.]100[.]7"],
            ),
            ("http:\\\\a.example\\x", &["http:\\\\a.example\\x"]),
            (
                "ftp://u:p@[2001:db8::1]:21/f",
                &["ftp://u:p@[2001:db8::1]:21/f"],
            ),
            ("http://bücher.example/ü,", &["http://bücher.example/ü"]),
            ("siehe „http://a.example“", &["http://a.example"]),
            (
                "me@a.example user[@]evil[.]example user[at]evil[.]example",
                &[],
            ),
            (
                "a.example file.txt 10:30 std::fmt:// http:// http://. x://a.example",
                &[],
            ),
            ("arr[.]", &[]),
        ] {
            let found: Vec<&str> = find(text).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn knows_where_links_lead_somewhere() {
        for (link, leads) in [
            ("https://a.example", true),
            ("hxxp[:]//a.example", true),
            ("//a.example/x", true),
            ("mailto:a@a.example", false),
            ("javascript://a.example/%0aalert(1)", false),
            ("/x", false),
            ("#http://a.example", false),
            ("cid:http://a.example", false),
        ] {
            assert_eq!(super::super::is_absolute(link), leads, "{link}");
        }
    }
}
