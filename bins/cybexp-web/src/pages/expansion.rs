//! The documents of a picture: those of its value, and of others that are expanded in it.

use serde_json::Value;

use crate::app::App;
use crate::ask::{Answer, ask, question};
use crate::error::WebError;
use crate::instances::Related;
use crate::query::PageQuery;
use crate::sign_in::SignedIn;

/// Reads the report about a page's value, and adds what is known of the values that are expanded.
pub(super) async fn expanded(
    app: &App,
    person: &SignedIn,
    query: &PageQuery,
    report: &Value,
) -> Result<Related, WebError> {
    let mut related = Related::read(&query.subject, report);
    if query.with.is_empty() {
        return Ok(related);
    }
    let asked = query.with.iter();
    let asked = asked.map(|hash| question("related", query.expanded(hash)));
    let answers = ask(&person.client, asked.collect(), app.wait).await?;
    for (hash, answer) in query.with.iter().zip(answers) {
        if let Answer::Report(report) = answer {
            related.expand(hash, &report);
        }
    }
    Ok(related)
}
