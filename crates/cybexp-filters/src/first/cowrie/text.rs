//! Indicators in texts that an attacker typed or sent. They become attributes of the event beside the text.

use tahoe_core::Node;

use super::draft::Draft;
use crate::indicators::{self, Indicator, Kind};
use crate::url;

/// The most indicators of one event. A dropper names a dozen; a longer list is meant to fill the graph.
const MOST: usize = 200;

/// The reason under which further indicators are counted as left out.
pub(super) const BEYOND: &str = "indicator beyond 200 of a record";

/// Adds the indicators in a shell command. Its URLs are malicious, because the payload comes from them.
pub(super) fn of_command(draft: Draft, text: &str) -> Draft {
    add(draft, indicators::in_command(text), true)
}

/// Adds the URLs in a text, and the hosts that commands in it connect to. Meant for texts such as login names, in which
/// an address alone may be the honeypot's own or a guess.
pub(super) fn of_name(draft: Draft, text: &str) -> Draft {
    add(draft, indicators::connections(text), true)
}

/// Adds the indicators in data in transit, in unknown context: most hosts that it names did nothing wrong. A `www.` host
/// without a scheme is left out, because it stands in a header from which the URL was made.
pub(super) fn of_data(draft: Draft, text: &str) -> Draft {
    let is_header = |indicator: &Indicator| {
        let seen = indicator.attribute.data().as_str().unwrap_or_default();
        indicator.kind == Kind::Url && !seen.contains("//") && !seen.contains(['[', '(', '{'])
    };
    let found = indicators::in_text(text).filter(|indicator| !is_header(indicator));
    add(draft, found, false)
}

fn add(
    mut draft: Draft,
    found: impl Iterator<Item = Indicator>,
    urls_are_malicious: bool,
) -> Draft {
    const ALL: [Kind; 5] = [
        Kind::Url,
        Kind::Address,
        Kind::Host,
        Kind::Digest,
        Kind::Mail,
    ];
    let (kept, left_out) = indicators::distinct(found, &ALL, MOST);
    for indicator in kept {
        let seen = indicator.attribute.data().as_str().unwrap_or_default();
        draft = match indicator.kind {
            // its text stands in that of the event
            Kind::Url if seen.len() > url::KEPT_BYTES => draft,
            Kind::Url if urls_are_malicious => draft.with_malicious([indicator.attribute]),
            _ => draft.with([indicator.attribute]),
        };
        draft = draft.with(indicator.about.into_iter().map(Node::from));
    }
    draft.leaving_out(left_out)
}
