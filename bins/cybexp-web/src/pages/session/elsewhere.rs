//! Links to others who behave as a session does: by its behaviour, and by the values that bots carry with them.

use std::time::Duration;

use cybexp_client::Client;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::story::list;
use crate::ask::{Answer, ask, ask_one, question};
use crate::error::WebError;
use crate::instances::{Composite, Related, scalar};
use crate::subject::Subject;
use crate::view::number::counted;
use crate::view::time::{span, time_or_dash};
use crate::view::{text, value};

/// The values by which a bot is known elsewhere.
const CARRIED: [&str; 6] = [
    "hassh",
    "ssh_version",
    "ssh_fingerprint",
    "sha256",
    "url",
    "ja4",
];
/// The most values of each sub_type that are shown.
const VALUES: usize = 5;
/// The most sessions of the same behaviour that are shown.
const SESSIONS: usize = 15;

/// Asks who else behaves like the session of this report, and shows it.
pub(super) async fn elsewhere(
    client: Client,
    report: Value,
    wait: Duration,
) -> Result<Markup, WebError> {
    let session = &report["data"]["session"];
    let Some(hash) = session["_hash"].as_str() else {
        return Ok(html! {});
    };
    let id = session["data"]["sessionid"].get(0);
    let Some(subject) = id.and_then(|id| Subject::of_attribute("sessionid", id)) else {
        return Ok(html! {});
    };
    let mut fields = subject.fields();
    fields.extend(derived(true));
    let around = ask_one(&client, question("related", fields), wait).await?;
    let data = &around["data"];
    let behaviour = list(&data["behaviour"])
        .iter()
        .find_map(|one| Subject::of_attribute("behaviour", one));
    let same = match &behaviour {
        Some(behaviour) => sessions(&client, behaviour, wait).await?,
        None => None,
    };
    let carried: Vec<(&str, &Value)> = CARRIED
        .iter()
        .flat_map(|name| {
            list(&data[*name])
                .iter()
                .take(VALUES)
                .map(move |one| (*name, one))
        })
        .collect();
    Ok(html! {
        @if let Some((behaviour, same)) = behaviour.as_ref().zip(same.as_ref()) { (alike(behaviour, same, hash)) }
        @if !carried.is_empty() {
            section aria-labelledby="elsewhere" {
                h2 #elsewhere { "What it brought" }
                p.note { "Each of these leads to all events that share it." }
                ul.plain {
                    @for (sub_type, data) in carried {
                        @if let Some(subject) = Subject::of_attribute(sub_type, data) {
                            li { (value::sub_type(sub_type)) " " (value::linked(&subject, &scalar(data))) }
                        }
                    }
                }
            }
        }
    })
}

fn derived(summary: bool) -> Map<String, Value> {
    match json!({"level": 2, "derived": true, "summary": summary}) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Asks for the newest sessions of a behaviour.
async fn sessions(
    client: &Client,
    behaviour: &Subject,
    wait: Duration,
) -> Result<Option<Related>, WebError> {
    let mut fields = behaviour.fields();
    fields.extend(derived(false));
    let answer = ask(client, vec![question("related", fields)], wait).await?;
    match answer.into_iter().next() {
        Some(Answer::Report(report)) => Ok(Some(Related::read(behaviour, &report))),
        Some(Answer::Refused(_)) => Ok(None),
        Some(Answer::NotReady) | None => Err(WebError::NotReady),
    }
}

fn alike(behaviour: &Subject, same: &Related, own: &str) -> Markup {
    let others: Vec<&Composite> = same.sessions.iter().filter(|one| one.hash != own).collect();
    html! {
        section aria-labelledby="alike" {
            h2 #alike { "The same behaviour elsewhere" }
            p.note {
                "What was typed, without what changes between sessions of one bot, is the behaviour "
                (value::linked(behaviour, behaviour.text())) ". "
                @if others.is_empty() { "No other session that you may see has it." }
                @else if same.more { "The newest of many sessions that have it:" }
                @else { (counted(others.len() as u64, "other session has", "other sessions have")) " it:" }
            }
            @if !others.is_empty() {
                div.scroll tabindex="0" role="group" aria-labelledby="alike" {
                    table {
                        thead { tr { th { "session" } th { "sensor" } th { "began" } th { "lasted" } } }
                        tbody {
                            @for one in others.iter().take(SESSIONS) {
                                tr {
                                    td { a.value href=(Subject::Hash(one.hash.clone()).path("/session")) { (text::line(&one.text(&["sessionid"]).unwrap_or_else(|| one.sub_type.clone()))) } }
                                    td { @if let Some(sensor) = one.text(&["sensor"]) { (text::line(&sensor)) } }
                                    td { (time_or_dash(one.at)) }
                                    td { @if let (Some(from), Some(to)) = (one.at, one.end) { (span(to - from)) } }
                                }
                            }
                        }
                    }
                }
                @if others.len() > SESSIONS || same.more {
                    p { a.step href=(behaviour.path("/value")) { "All of them" } }
                }
            }
        }
    }
}
