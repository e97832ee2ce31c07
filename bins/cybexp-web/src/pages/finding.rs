//! An event, found by a value in it: the API has no other way to what is in an event.

use serde_json::json;

use crate::app::App;
use crate::ask::{Answer, ask, question};
use crate::error::WebError;
use crate::instances::Related;
use crate::sign_in::SignedIn;
use crate::subject::Subject;

/// The pages of events with one value and time that are searched for an event.
const PAGES: u32 = 5;

/// Looks for the event among those that hold the value at this time. Without a value, the API cannot find it.
pub(super) async fn find(
    app: &App,
    person: &SignedIn,
    hash: &str,
    subject: Option<&Subject>,
    at: Option<f64>,
) -> Result<Option<Related>, WebError> {
    let Some(subject) = subject else {
        return Ok(None);
    };
    for page in 1..=PAGES {
        let mut fields = subject.fields();
        if let Some(at) = at {
            fields.insert("from".to_owned(), json!(at));
            fields.insert("to".to_owned(), json!(at));
        }
        // what filters derived is an event, too
        fields.insert("derived".to_owned(), json!(true));
        fields.insert("level".to_owned(), json!(2));
        fields.insert("page".to_owned(), json!(page));
        fields.insert("summary".to_owned(), json!(false));
        let asked = vec![question("related", fields)];
        let answer = ask(&person.client, asked, app.wait).await?.pop();
        let report = match answer {
            Some(Answer::Report(report)) => report,
            Some(Answer::NotReady) | None => return Err(WebError::NotReady),
            Some(Answer::Refused(_)) => return Ok(None),
        };
        let related = Related::read(subject, &report);
        if related.events.iter().any(|event| event.hash == hash) {
            return Ok(Some(related));
        }
        if !related.more {
            break;
        }
    }
    Ok(None)
}
