//! Indicators in what an attacker typed or sent, as attributes of the event beside the text itself.

use tahoe_core::Node;

use super::draft::Draft;
use crate::indicators::{self, Indicator, Kind};

/// Indicators of one event. A dropper names a dozen; more is a list that somebody wanted to fill the graph with.
const MOST: usize = 200;

/// The reason for which the rest is left out.
pub(super) const BEYOND: &str = "indicator beyond 200 of a record";

/// All that a shell command names. Its URLs are malicious: that is where the payload comes from.
pub(super) fn of_command(draft: Draft, text: &str) -> Draft {
    add(draft, indicators::in_command(text), true)
}

/// The URLs in a text, and the hosts that commands in it connect to: for login names and the like, in which an address
/// alone may be the honeypot's own, or a guess.
pub(super) fn of_name(draft: Draft, text: &str) -> Draft {
    add(draft, indicators::connections(text), true)
}

/// All that data in transit names. Most of it is no fault of whom it names. A `www.` host without a scheme stands in a
/// header, from which the URL was made.
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
        draft = match indicator.kind {
            Kind::Url if urls_are_malicious => draft.with_malicious([indicator.attribute]),
            _ => draft.with([indicator.attribute]),
        };
        draft = draft.with(indicator.about.into_iter().map(Node::from));
    }
    draft.leaving_out(left_out)
}
