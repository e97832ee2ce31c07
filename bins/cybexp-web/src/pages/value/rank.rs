//! How threatening a value is, and through what.

use std::time::Duration;

use cybexp_client::Client;
use maud::{Markup, html};

use crate::ask::{Answer, ask, question};
use crate::error::WebError;
use crate::query::PageQuery;
use crate::view::rank::rank;

/// Asks for the threatrank of the value, and shows it. Nothing is shown if the value has none.
pub(super) async fn ranked(
    client: Client,
    query: PageQuery,
    wait: Duration,
) -> Result<Markup, WebError> {
    let asked = question("threatrank", query.subject.fields());
    let answer = ask(&client, vec![asked], wait).await?.pop();
    match answer.unwrap_or(Answer::NotReady) {
        Answer::Report(report) => Ok(rank(&report["data"])),
        // of what was never seen there is none, which other parts of the page tell
        Answer::Refused(_) => Ok(html! {}),
        Answer::NotReady => Err(WebError::NotReady),
    }
}
