//! Indicators in text: URLs, addresses, hosts, file hashes and mail addresses, as droppers, reports and mails write
//! them.
//!
//! A whole text is one attribute, which correlates only with an equal text. The indicators in it correlate with other
//! sources. Everything here takes time linear in the text. The results may repeat; [`distinct`] limits them.

mod address;
mod command;
mod digest;
mod encoded;
mod expanded;
mod indicator;
mod mail;
mod socket;
mod tokens;
mod tools;

use std::collections::HashSet;

use crate::url::{self, Language};
pub(crate) use encoded::decoded as base64_text;
pub(crate) use indicator::{Indicator, Kind};

/// Returns the indicators in prose, mark-up or data, in order. A host counts only in a URL or if it is defanged,
/// because any file name looks like one.
pub(crate) fn in_text(text: &str) -> impl Iterator<Item = Indicator> + '_ {
    pieces(text, Language::Prose)
}

/// Returns the indicators in shell input: those of any text, then the hosts that its commands connect to, then the same
/// for commands that are hidden in it in base64, in escapes or in variables.
pub(crate) fn in_command(text: &str) -> impl Iterator<Item = Indicator> + '_ {
    let hidden = encoded::payloads(text).chain(expanded::expanded(text));
    let hidden = hidden.flat_map(|hidden| in_script(&hidden).collect::<Vec<_>>());
    in_script(text).chain(hidden)
}

fn in_script(text: &str) -> impl Iterator<Item = Indicator> + '_ {
    pieces(text, Language::Shell)
        .chain(command::targets(text))
        .chain(socket::targets(text))
}

/// Returns the URLs in a text, and the hosts that commands in it connect to. Meant for texts in which an address alone
/// has no meaning.
pub(crate) fn connections(text: &str) -> impl Iterator<Item = Indicator> + '_ {
    let urls = |text: &str| {
        let spans = url::spans(text, Language::Shell);
        spans
            .map(|span| Indicator::url(&text[span]))
            .collect::<Vec<_>>()
    };
    let expanded = expanded::expanded(text);
    urls(text)
        .into_iter()
        .chain(command::targets(text))
        .chain(expanded.into_iter().flat_map(move |text| urls(&text)))
}

/// Returns the first indicators of these kinds, each once, and the number of further ones.
pub(crate) fn distinct(
    found: impl Iterator<Item = Indicator>,
    kinds: &[Kind],
    most: usize,
) -> (Vec<Indicator>, u64) {
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    let mut left_out = 0;
    for indicator in found.filter(|indicator| kinds.contains(&indicator.kind)) {
        if seen.len() >= most {
            left_out += u64::from(!seen.contains(&indicator.attribute.hash()));
        } else if seen.insert(indicator.attribute.hash()) {
            kept.push(indicator);
        }
    }
    (kept, left_out)
}

/// Returns the URLs of a text, and the indicators between them.
fn pieces(text: &str, language: Language) -> impl Iterator<Item = Indicator> + '_ {
    let mut read = 0;
    let end = std::iter::once(text.len()..text.len());
    url::spans(text, language).chain(end).flat_map(move |span| {
        let between = tokens::read(text, read..span.start, language);
        read = span.end;
        let seen = &text[span];
        let url = (!seen.is_empty()).then(|| Indicator::url(seen));
        between.chain(url)
    })
}

#[cfg(test)]
mod tests;
