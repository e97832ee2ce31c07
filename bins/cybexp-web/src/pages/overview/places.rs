//! Where the most frequent attackers are: a map, countries and networks.

use std::collections::BTreeMap;
use std::time::Duration;

use cybexp_client::Client;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::tops::{PLACES, TOPS, asked};
use crate::ask::{Answer, ask, ask_one, question};
use crate::chart::bars;
use crate::error::WebError;
use crate::instances::scalar;
use crate::map::world;
use crate::subject::Subject;
use crate::view::number::counted;
use crate::view::value;

/// The most attackers whose places are looked up.
const ATTACKERS: u32 = 60;
/// The most countries that are drawn.
const MAPPED: u32 = 250;
/// The most countries and networks that are listed.
const LISTED: usize = 10;

/// Events by place.
type Places = BTreeMap<String, u64>;

/// Asks where the attackers are, and shows it.
pub(super) async fn places(
    client: Client,
    last: Option<&'static str>,
    wait: Duration,
) -> Result<Markup, WebError> {
    let questions = PLACES.iter().map(|top| asked(top, last, MAPPED));
    let answers = ask(&client, questions.collect(), wait).await?;
    let [countries, networks, blocks] =
        [0, 1, 2].map(|n| answers.get(n).map(listed).unwrap_or_default());
    if countries.is_empty() && blocks.is_empty() {
        return of_attackers(client, last, wait).await;
    }
    Ok(shown(
        &[countries, networks, blocks],
        "By events with an attacker there.",
    ))
}

/// Reads the answer to the question for a list.
fn listed(answer: &Answer) -> Vec<(String, u64)> {
    let Answer::Report(report) = answer else {
        return Vec::new();
    };
    let rows = report["data"].as_array().into_iter().flatten();
    rows.filter_map(|one| Some((scalar(&one["data"]), one["count"].as_u64()?)))
        .collect()
}

/// Looks up the places of the most frequent attackers one by one, for an API that does not count by place.
async fn of_attackers(
    client: Client,
    last: Option<&'static str>,
    wait: Duration,
) -> Result<Markup, WebError> {
    let report = ask_one(&client, asked(&TOPS[0], last, ATTACKERS), wait).await?;
    let attackers = report["data"].as_array().cloned().unwrap_or_default();
    if attackers.is_empty() {
        return Ok(html! { p { "No attack was seen in this time." } });
    }
    let questions = attackers.iter().map(|one| {
        // what was derived of an address holds at all times, and has the time 0
        let mut fields = match json!({"derived": true, "from": 0, "to": 0}) {
            Value::Object(fields) => fields,
            _ => serde_json::Map::new(),
        };
        fields.insert("sub_type".to_owned(), one["sub_type"].clone());
        fields.insert("data".to_owned(), one["data"].clone());
        question("related", fields)
    });
    let answers = ask(&client, questions.collect(), wait).await?;
    let mut places = [Places::new(), Places::new(), Places::new()];
    for (attacker, answer) in attackers.iter().zip(answers) {
        let Answer::Report(report) = answer else {
            continue;
        };
        let events = attacker["count"].as_u64().unwrap_or_default();
        let first = |name: &str| report["data"][name].get(0).map(scalar);
        let found = [
            first("country_code2"),
            first("asn_name"),
            block(&report["data"]["cidr"]),
        ];
        for (places, place) in places.iter_mut().zip(found) {
            if let Some(place) = place {
                *places.entry(place).or_default() += events;
            }
        }
    }
    let from = counted(attackers.len() as u64, "attacker", "attackers");
    let by = format!("By events of the {from} with the most.");
    Ok(shown(&places.map(sorted), &by))
}

/// Shows countries, networks and neighbourhoods, and says by what they are counted.
fn shown([countries, networks, blocks]: &[Vec<(String, u64)>; 3], by: &str) -> Markup {
    html! {
        section aria-labelledby="where" {
            h2 #where { "Where they come from" }
            @if countries.is_empty() {
                p.note { "No database of networks tells countries: whoever runs CYBEX-P installs one with " code { "cybexp geoip fetch" } "." }
            } @else {
                (world(countries, "Events by country"))
            }
            p.note { (by) }
            div.tops {
                (list("Countries", "country_code2", countries))
                (list("Networks", "asn_name", networks))
                (list("Neighbourhoods", "cidr", blocks))
            }
        }
    }
}

/// Returns the widest of the networks that an address is in, which is the one that most share.
fn block(cidrs: &Value) -> Option<String> {
    let cidrs = cidrs.as_array()?.iter().filter_map(Value::as_str);
    let bits = |cidr: &str| {
        cidr.rsplit_once('/')
            .and_then(|(_, bits)| bits.parse::<u8>().ok())
    };
    let cidr = cidrs.filter_map(|cidr| Some((bits(cidr)?, cidr))).min()?;
    Some(cidr.1.to_owned())
}

/// Returns the places, those of most events first.
fn sorted(places: Places) -> Vec<(String, u64)> {
    let mut sorted: Vec<_> = places.into_iter().collect();
    sorted.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
    sorted
}

fn list(name: &str, sub_type: &str, places: &[(String, u64)]) -> Markup {
    let rows = places.iter().take(LISTED).map(|(place, events)| {
        let subject = Subject::of_attribute(sub_type, &json!(place));
        let named = value::short(subject.as_ref(), place, 60);
        (named, *events)
    });
    let rows: Vec<_> = rows.collect();
    html! {
        @if !rows.is_empty() { section { h3 { (name) } (bars(sub_type, &rows)) } }
    }
}
