//! The results of the second stage: where attackers come from, and that it is one campaign that several sensors saw.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use cybexp_client::Client;
use cybexp_term::{self as term, BOLD, CYAN, DIM, short};
use serde_json::{Value, json};

use super::{ask, sample, show};

/// Attributes of events in which an attacker does more than connect.
const DOES: [&str; 5] = ["username", "password", "shell_command", "url", "sha256"];
/// Digits of a behaviour that are shown.
const SHOWN: usize = 12;

/// Shows country and network of some addresses, what they do, and whether a list knows them as good.
pub(super) async fn origins(client: &Client) -> anyhow::Result<()> {
    show::title("Where do they come from?");
    let mut table = term::table(&["address", "events", "country", "network", ""]);
    let mut took = Duration::ZERO;
    for address in sample::VISITORS {
        let data = json!({"sub_type": "ip", "data": address});
        let count = client.ask("count", &data, false, super::REPORT).await?;
        let events = client.ask("related", &data, false, super::REPORT).await?;
        let (origin, its) = quietly(client, &derived_from(&data)).await?;
        took += its;
        let first = |name: &str| term::value(&origin[name][0]);
        let does = DOES.iter().any(|name| !events["data"][name].is_null());
        let is_good = count["known_good"][0].is_string();
        let remark = match (does, is_good) {
            (_, true) => "known good",
            (false, false) => "only connects",
            (true, false) => "",
        };
        table.add_row([
            address.to_owned(),
            term::value(&count["data"]),
            first("country_code2"),
            first("asn_name"),
            remark.to_owned(),
        ]);
    }
    term::align_right(&mut table, 1);
    anstream::println!("{table}");

    let network = sample::ATTACKERS_NETWORK;
    let data = json!({"sub_type": "cidr", "data": network});
    let (around, its) = quietly(client, &derived_from(&data)).await?;
    let addresses = listed(&around["ipv4"]);
    anstream::println!(
        "{CYAN}{network}{CYAN:#} holds {BOLD}{} addresses{BOLD:#} {DIM}({} ms){DIM:#}",
        addresses.len(),
        (took + its).as_millis()
    );
    for line in addresses.chunks(4) {
        anstream::println!("  {}", short(&line.join(", ")));
    }
    Ok(())
}

/// Shows the sessions of the bot of an address, at whatever sensor and from whatever address.
pub(super) async fn campaign(client: &Client) -> anyhow::Result<()> {
    let address = sample::BOT;
    show::title("Did the same bot come elsewhere?");
    let data = json!({"sub_type": "ip", "data": address, "level": 2, "derived": true});
    let (related, _) = ask(client, "related", &data).await?;
    let behaviour = related["behaviour"][0].as_str();
    let behaviour = behaviour.context("the sessions of the bot have a behaviour")?;
    let data = json!({
        "sub_type": "behaviour", "data": behaviour, "level": 2, "derived": true, "summary_graph": true,
    });
    let (graph, took) = ask(client, "related", &data).await?;
    let held_by = |name: &str, holder: &str| -> BTreeSet<String> {
        let rows = graph[name].as_array().into_iter().flatten();
        rows.filter(|row| row[1][1] == holder)
            .map(|row| term::value(&row[0]))
            .collect()
    };
    let data = json!({"sub_type": "behaviour", "data": behaviour, "derived": true});
    let count = client.ask("count", &data, false, super::REPORT).await?;
    let sensors = held_by("sensor", "cowrie_session=session");
    let ipv6 = held_by("ipv6", "attacker=object");
    let attackers: Vec<String> = held_by("ipv4", "attacker=object")
        .into_iter()
        .chain(ipv6)
        .collect();
    let short_name: String = behaviour.chars().take(SHOWN).collect();
    anstream::println!(
        "behaviour {CYAN}{short_name}…{CYAN:#}: {BOLD}{} sessions{BOLD:#} at {} {DIM}({} ms){DIM:#}",
        count["data"],
        sensors.into_iter().collect::<Vec<_>>().join(", "),
        took.as_millis()
    );
    for line in attackers.chunks(4) {
        anstream::println!("  from {}", short(&line.join(", ")));
    }
    Ok(())
}

/// Makes the question of what was derived from an attribute, which has the time 0.
fn derived_from(subject: &Value) -> Value {
    let mut question = subject.clone();
    question["derived"] = true.into();
    question["to"] = 0.into();
    question
}

async fn quietly(client: &Client, question: &Value) -> anyhow::Result<(Value, Duration)> {
    let since = std::time::Instant::now();
    let mut report = client
        .ask("related", question, false, super::REPORT)
        .await?;
    Ok((report["data"].take(), since.elapsed()))
}

fn listed(values: &Value) -> Vec<String> {
    let values = values.as_array().into_iter().flatten();
    values.map(term::value).collect()
}
