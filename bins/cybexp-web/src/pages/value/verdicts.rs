//! The verdicts of organisations on a value, and the form in which an admin gives one.

use std::time::Duration;

use cybexp_client::Client;
use maud::{Markup, html};
use serde_json::Value;

use super::super::account::part;
use crate::ask::{Answer, ask, question};
use crate::error::WebError;
use crate::query::PageQuery;
use crate::sign_in::SignedIn;
use crate::subject::Subject;
use crate::view::frame::csrf;
use crate::view::text;
use crate::view::time::time_or_dash;

/// The verdicts that a person may give, with their names.
pub(crate) const GIVEN: [(&str, &str); 3] = [
    ("malicious", "malicious"),
    ("benign", "benign"),
    ("false_positive", "false positive"),
];

/// Asks for the verdicts on the value, and shows them with the form for another.
pub(super) async fn verdicts(
    person: SignedIn,
    query: PageQuery,
    wait: Duration,
) -> Result<Markup, WebError> {
    let client: &Client = &person.client;
    let asked = async {
        let asked = vec![question("count", query.subject.fields())];
        Ok::<_, WebError>(ask(client, asked, wait).await?.pop())
    };
    let orgs = async {
        let orgs = tokio::try_join!(client.orgs_admin_of(), client.orgs_user_of());
        orgs.map_err(WebError::from)
    };
    let (answer, (admin_of, user_of)) = tokio::try_join!(asked, orgs)?;
    let report = match answer.unwrap_or(Answer::NotReady) {
        Answer::Report(report) => report,
        // another part tells the reason
        Answer::Refused(_) => return Ok(html! {}),
        Answer::NotReady => return Err(WebError::NotReady),
    };
    let admin_of = admin_of.as_array().cloned().unwrap_or_default();
    let mut known = admin_of.clone();
    known.extend(user_of.as_array().into_iter().flatten().cloned());
    let list = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    let (verdicts, known_good) = (list("verdicts"), list("known_good"));
    // of a hash, judgement needs the value, which only an event tells
    let can_judge = match &query.subject {
        Subject::Value { .. } => !admin_of.is_empty(),
        Subject::Hash(_) => !admin_of.is_empty() && report["data"].as_u64() > Some(0),
    };
    if verdicts.is_empty() && known_good.is_empty() && !can_judge {
        return Ok(html! {});
    }
    Ok(html! {
        section.verdicts aria-label="Verdicts" {
            @if !known_good.is_empty() {
                div.notice.good {
                    strong { "Known to be good" } " by the operator's lists: "
                    @for (n, name) in known_good.iter().filter_map(Value::as_str).enumerate() {
                        @if n > 0 { ", " } (text::line(name))
                    }
                }
            }
            @for verdict in &verdicts { (shown(verdict, &known, &admin_of, &person, &query.subject)) }
            @if can_judge { (form(&person, &query.subject, &admin_of, !verdicts.is_empty())) }
        }
    })
}

fn shown(
    verdict: &Value,
    known: &[Value],
    admin_of: &[Value],
    person: &SignedIn,
    subject: &Subject,
) -> Markup {
    let field = |name: &str| verdict[name].as_str().unwrap_or_default();
    let orgid = field("orgid");
    let of = |orgs: &[Value]| orgs.iter().find(|org| org["_hash"] == orgid).cloned();
    let class = match field("verdict") {
        "malicious" => "bad",
        _ => "good",
    };
    html! {
        div.notice.(class) {
            p {
                strong { (field("verdict").replace('_', " ")) }
                ", says "
                @match of(known) {
                    Some(org) => { (text::line(part(&org, "orgname"))) }
                    None => { "the organisation " code.hash { (text::short(orgid, 12)) } }
                }
                ": " span.prose { (text::line(field("reason"))) }
            }
            p.note { (text::line(field("analyst"))) ", " (time_or_dash(verdict["timestamp"].as_f64())) }
            @if of(admin_of).is_some() {
                form action="/verdict" method="post" {
                    (csrf(person)) (about(subject))
                    input type="hidden" name="org" value=(orgid);
                    input type="hidden" name="verdict" value="withdrawn";
                    button.quiet type="submit" { "Withdraw" }
                }
            }
        }
    }
}

fn form(person: &SignedIn, subject: &Subject, admin_of: &[Value], again: bool) -> Markup {
    html! {
        details {
            summary { @if again { "Give another verdict" } @else { "Give a verdict" } }
            form.row.verdict action="/verdict" method="post" aria-label="A verdict" {
                (csrf(person)) (about(subject))
                fieldset.bare {
                    legend { "It is" }
                    @for (verdict, name) in GIVEN {
                        label.check.side { input type="radio" name="verdict" value=(verdict) required; " " (name) }
                    }
                }
                label { "says"
                    select name="org" {
                        @for org in admin_of {
                            option value=(org["_hash"].as_str().unwrap_or_default()) { (text::plain(part(org, "orgname"), 60)) }
                        }
                    }
                }
                label.wide { "because"
                    input #reason name="reason" required maxlength="1000" autocomplete="off" placeholder="our own scanner";
                }
                button type="submit" { "Judge" }
            }
            p.note { "Everybody who sees the organisation's events sees its latest verdict, with your mail address. Counts stay as they are." }
        }
    }
}

/// Makes the fields that name the value.
fn about(subject: &Subject) -> Markup {
    html! {
        @match subject {
            Subject::Value { sub_type, data } => {
                input type="hidden" name="type" value=(sub_type);
                input type="hidden" name="data" value=(data);
            }
            Subject::Hash(hash) => { input type="hidden" name="hash" value=(hash); }
        }
    }
}
