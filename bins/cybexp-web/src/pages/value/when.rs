//! When a value was seen, as a picture.

use std::time::Duration;

use cybexp_client::Client;
use maud::{Markup, html};

use crate::ask::{Answer, ask, question};
use crate::chart::{Timeline, timeline};
use crate::error::WebError;
use crate::query::PageQuery;

/// Asks when the value was seen, and draws it. Nothing is shown if it was not.
pub(super) async fn when(
    client: Client,
    query: PageQuery,
    wait: Duration,
) -> Result<Markup, WebError> {
    let asked = question("timeline", query.conditions());
    let answer = ask(&client, vec![asked], wait).await?.pop();
    let report = match answer.unwrap_or(Answer::NotReady) {
        Answer::Report(report) => report,
        // the other parts of the page tell the reason
        Answer::Refused(_) => return Ok(html! {}),
        Answer::NotReady => return Err(WebError::NotReady),
    };
    let shown = Timeline::read(&report["data"]);
    if shown.is_empty() {
        return Ok(html! {});
    }
    Ok(html! {
        section aria-labelledby="when" {
            h2 #when { "When it was seen" }
            (timeline(&shown))
        }
    })
}
