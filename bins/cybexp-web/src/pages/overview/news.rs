//! Values that were first seen lately.

use std::time::Duration;

use cybexp_client::Client;
use maud::{Markup, html};
use serde_json::Value;

use super::fields;
use crate::ask::{Answer, ask, question};
use crate::error::WebError;
use crate::instances::scalar;
use crate::subject::Subject;
use crate::view::time::time_or_dash;
use crate::view::value;

/// The sub_types that are worth knowing when they are new.
pub(super) const NEWS: [(&str, &str); 5] = [
    ("URLs", "url"),
    ("Hashes of files", "sha256"),
    ("Commands", "shell_command"),
    ("Hosts", "hostname"),
    ("Addresses", "ip"),
];
/// The most values of a list.
const SHOWN: u32 = 8;

/// Asks what is new, and shows it.
pub(super) async fn news(
    client: Client,
    last: Option<&'static str>,
    wait: Duration,
) -> Result<Markup, WebError> {
    let questions = NEWS.map(|(_, sub_type)| question("new", fields(sub_type, last, SHOWN)));
    let answers = ask(&client, questions.to_vec(), wait).await?;
    Ok(html! {
        section aria-labelledby="new" {
            h2 #new { "Seen for the first time" }
            div.tops { @for ((name, sub_type), answer) in NEWS.into_iter().zip(answers) { (list(name, sub_type, answer)) } }
        }
    })
}

fn list(name: &str, sub_type: &str, answer: Answer) -> Markup {
    let report = match answer {
        Answer::Report(report) => report,
        Answer::Refused(_) => return html! {},
        Answer::NotReady => return WebError::NotReady.part(),
    };
    let values: Vec<&Value> = report["data"].as_array().into_iter().flatten().collect();
    html! {
        @if !values.is_empty() {
            section.list {
                h3 { (name) }
                ul {
                    @for one in values {
                        @let sub_type = one["sub_type"].as_str().unwrap_or(sub_type);
                        li {
                            @let subject = Subject::of_attribute(sub_type, &one["data"]);
                            (value::short(subject.as_ref(), &scalar(&one["data"]), 80))
                            span.share { (time_or_dash(one["first_seen"].as_f64())) }
                        }
                    }
                }
            }
        }
    }
}
