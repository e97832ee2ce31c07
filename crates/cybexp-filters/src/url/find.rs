//! URLs in text, as people, phishing kits and droppers write them: bare, in brackets, in code, at the end of a
//! sentence, defanged.

use std::ops::Range;

use super::end::{Language, Opener, end, without_punctuation};
use super::host::{has_known_suffix, host_of_url};
use super::refang::{Defanged, defanged_dot};
use super::scheme::{SchemeStart, starts};
use super::words::words;

/// Returns the URLs in a text, in order, with repetitions, each as it was seen.
///
/// A URL begins with its scheme, begins with `www.`, or is a defanged host, and has a host in it. Takes time linear in
/// the text.
pub(crate) fn find(text: &str) -> impl Iterator<Item = &str> {
    spans(text, Language::Prose).map(|span| &text[span])
}

/// Returns the positions of the URLs in a text.
pub(crate) fn spans(text: &str, language: Language) -> impl Iterator<Item = Range<usize>> + '_ {
    words(text).flat_map(move |word| {
        let shift = word.start;
        let spans = in_word(text, word, language).into_iter();
        spans.map(move |span| span.start + shift..span.end + shift)
    })
}

/// Returns the URLs of the word at `range`, as ranges within the word.
fn in_word(text: &str, range: Range<usize>, language: Language) -> Vec<Range<usize>> {
    let word = &text[range.clone()];
    // A scheme, a dot or a bracket is in all that is found.
    let tells = |b| matches!(b, b'.' | b':' | b'/' | b'\\' | b'_' | b'[' | b'(' | b'{');
    if !word.bytes().any(tells) {
        return Vec::new();
    }
    let starts: Vec<SchemeStart> = starts(word).collect();
    let mut found = Vec::new();
    let mut read = 0;
    for (index, start) in starts.iter().enumerate() {
        if start.at < read {
            continue;
        }
        without_scheme(word, read..start.at, language, &mut found);
        let opener = Opener::of(&text[..range.start + start.at]);
        let end = end(
            word,
            start.authority,
            opener,
            language,
            &starts[index + 1..],
        );
        let url = without_punctuation(&word[start.at..end]);
        if host_of_url(url).is_some() {
            found.push(start.at..start.at + url.len());
        }
        read = end;
    }
    without_scheme(word, read..word.len(), language, &mut found);
    found
}

/// Adds `www.example.org/…` and `evil[.]example/…`, but not `user[@]evil[.]example`, which is a mail address.
fn without_scheme(
    word: &str,
    range: Range<usize>,
    language: Language,
    found: &mut Vec<Range<usize>>,
) {
    let part = &word[..range.end];
    let mut from = range.start;
    while let Some(at) = part[from..].find(|c: char| c.is_alphanumeric()) {
        let start = from + at;
        let host_end = start + part[start..].find(ends_host).unwrap_or(part.len() - start);
        let host = &part[start..host_end];
        from = host_end;
        // `C2:evil[.]example`
        let label = match host.split_once(':') {
            Some((label, rest)) if !label.contains(['.', '[']) && !rest.starts_with(']') => {
                label.len() + 1
            }
            _ => 0,
        };
        let Some(host) = host.get(label..).filter(|host| is_wanted(host, language)) else {
            continue;
        };
        let end = match part[host_end..].starts_with(['/', '?', '#']) {
            true => end(part, host_end, Opener::NoScheme, language, &[]),
            false => start + label + end(host, 0, Opener::NoScheme, language, &[]),
        };
        let url = without_punctuation(&part[start + label..end]);
        if host_of_url(url).is_some() {
            found.push(start + label..start + label + url.len());
        }
        from = from.max(end);
    }
}

fn ends_host(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            ',' | ';'
                | '|'
                | '='
                | '\''
                | '/'
                | '?'
                | '#'
                | '&'
                | '$'
                | '%'
                | '!'
                | '*'
                | '+'
                | '~'
        )
}

/// Whether a host is certainly not a file name, a method call or a regular expression.
fn is_wanted(host: &str, language: Language) -> bool {
    if host.contains('@') || is_with_at(host) {
        return false;
    }
    let start = host.get(..4).unwrap_or_default();
    if start.eq_ignore_ascii_case("www.") {
        return true;
    }
    match defanged_dot(host) {
        Some(Defanged::Enclosed) => true,
        Some(Defanged::HalfOpen) => has_known_suffix(host),
        Some(Defanged::Escaped) => language == Language::Prose && has_known_suffix(host),
        None => false,
    }
}

fn is_with_at(host: &str) -> bool {
    let mut brackets = host.match_indices(['[', '(', '{']);
    brackets.any(|(at, _)| {
        let word = host.get(at + 1..at + 3).unwrap_or_default();
        word.eq_ignore_ascii_case("at") && host[at + 3..].starts_with([']', ')', '}'])
    })
}

#[cfg(test)]
mod tests;
