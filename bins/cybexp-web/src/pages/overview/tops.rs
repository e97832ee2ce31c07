//! The most frequent values, as bars.

use std::time::Duration;

use cybexp_client::Client;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::fields;
use crate::ask::{Answer, ask, question};
use crate::chart::bars;
use crate::error::WebError;
use crate::instances::scalar;
use crate::subject::Subject;
use crate::view::number::counted;
use crate::view::{text, value};

/// The most values of a list.
const SHOWN: u32 = 10;

/// A list of values.
pub(super) struct Top {
    pub(super) name: &'static str,
    pub(super) sub_type: &'static str,
    /// True if only values in malicious context count: an attacker's address, and not the sensor's.
    malicious: bool,
}

const fn top(name: &'static str, sub_type: &'static str, malicious: bool) -> Top {
    Top {
        name,
        sub_type,
        malicious,
    }
}

/// The lists, in their order on the page.
pub(super) const TOPS: [Top; 10] = [
    top("Attackers", "ip", true),
    top("Passwords", "password", false),
    top("User names", "username", false),
    top("Commands", "shell_command", false),
    top("Payloads by address", "url", true),
    top("Payloads by hash", "sha256", true),
    top("Hosts", "hostname", true),
    top("Clients", "ssh_version", false),
    top("Algorithms of clients", "hassh", false),
    top("Behaviours", "behaviour", false),
];

/// The lists of places, which are derived of the attackers' addresses: countries, networks, neighbourhoods.
pub(super) const PLACES: [Top; 3] = [
    top("Countries", "country_code2", true),
    top("Networks", "asn_name", true),
    top("Neighbourhoods", "cidr", true),
];

/// Makes the question of a list.
pub(super) fn asked(top: &Top, last: Option<&str>, limit: u32) -> Value {
    let mut fields = fields(top.sub_type, last, limit);
    if top.malicious {
        fields.insert("context".to_owned(), json!("malicious"));
    }
    question("top", fields)
}

/// Asks for all lists, and shows those that are not empty.
pub(super) async fn tops(
    client: Client,
    last: Option<&'static str>,
    wait: Duration,
) -> Result<Markup, WebError> {
    let questions = TOPS.iter().map(|top| asked(top, last, SHOWN));
    let answers = ask(&client, questions.collect(), wait).await?;
    Ok(html! {
        div.tops { @for (top, answer) in TOPS.iter().zip(answers) { (list(top, answer)) } }
    })
}

fn list(top: &Top, answer: Answer) -> Markup {
    let report = match answer {
        Answer::Report(report) => report,
        Answer::Refused(reason) => {
            // a sub_type that no event has yet
            return html! { section { h2 { (top.name) } p.note { (text::line(&reason)) } } };
        }
        Answer::NotReady => {
            return html! { section { h2 { (top.name) } (WebError::NotReady.part()) } };
        }
    };
    let values = report["data"].as_array().map(Vec::as_slice);
    let values = values.unwrap_or_default();
    let rows = values.iter().map(|one| {
        let sub_type = one["sub_type"].as_str().unwrap_or(top.sub_type);
        let subject = Subject::of_attribute(sub_type, &one["data"]);
        let named = value::short(subject.as_ref(), &scalar(&one["data"]), 90);
        (named, one["count"].as_u64().unwrap_or_default())
    });
    let rows: Vec<_> = rows.collect();
    let distinct = report["distinct"].as_u64().unwrap_or_default();
    html! {
        section {
            h2 { (top.name) }
            @if rows.is_empty() { p.note { "None." } } @else {
                (bars(top.sub_type, &rows))
                p.note {
                    "Of " (counted(distinct, "different one", "different ones")) ", by " (if top.sub_type == "behaviour" { "sessions" } else { "events" }) "."
                    @if report["exact"] == false { " The newest hours may not be counted yet." }
                }
            }
        }
    }
}
