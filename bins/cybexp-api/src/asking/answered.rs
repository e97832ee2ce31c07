//! Stored queries: whether they are answered, and with what.

use std::time::{SystemTime, UNIX_EPOCH};

use cybexp_store::{Access, LastAnswer, StoredQuery};
use serde_json::{Map, Value};
use tahoe_core::{Hash, Status};

use crate::app::App;
use crate::error::ApiError;

/// The time for which a slow answer is kept for an asker who comes back, in seconds. Clients ask again every few seconds.
const KEPT_S: f64 = 15.0;

/// Whether the stored answer is handed out as it is: it took so long to make that its asker may have been told to come
/// back, and a new one might take as long. It must be recent, and be made of the organisations that the user may see now.
pub(super) async fn is_kept(app: &App, stored: &StoredQuery) -> Result<bool, ApiError> {
    let (Status::Ready, Some(last), Some(made_of)) =
        (stored.query.status, &stored.last, stored.made_of())
    else {
        return Ok(false);
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let age_s = now.unwrap_or_default().as_secs_f64() - last.finished;
    if age_s > KEPT_S || stored.query.report_id != Some(last.report) {
        return Ok(false);
    }
    Ok(match app.identity.access(&stored.query.userid).await? {
        Access::Orgs(visible) => visible.fingerprint() == made_of,
        Access::UnknownUser => false,
    })
}

/// Whether the query is waiting for its answer. One that no API wrote would wait in vain.
pub(super) fn is_under_way(app: &App, hash: Hash, stored: &StoredQuery) -> bool {
    let waits = matches!(stored.query.status, Status::Wait | Status::Processing);
    let code = stored.mac.as_deref();
    let signed = code.is_some_and(|code| app.macs.is_query(hash, &stored.query, code));
    waits && (signed || app.accept_unsigned)
}

/// Whether there is an answer other than `before`. The query may have been asked again since.
pub(super) fn is_answered(stored: &StoredQuery, before: Option<&LastAnswer>) -> bool {
    let ended = matches!(stored.query.status, Status::Ready | Status::Failed);
    ended || stored.last.is_some() && stored.last.as_ref() != before
}

/// Returns the report of an answered query, if it is the report daemon's: others can write to the database, too.
///
/// # Errors
/// The query failed, or the database does.
pub(super) async fn report(app: &App, stored: &StoredQuery) -> Result<Option<Value>, ApiError> {
    let query = stored.query.to_object().map_err(anyhow::Error::from)?;
    let is_genuine = |fields: &Map<String, Value>, code: Option<&str>| match code {
        Some(code) => app.macs.is_report(query.hash(), fields, code),
        // a Python report daemon's
        None => app.accept_unsigned,
    };
    let report = app.queries.genuine_report_of(stored, is_genuine).await?;
    let failed = match stored.query.status {
        Status::Failed => true,
        Status::Ready => false,
        Status::Invalid | Status::Wait | Status::Processing => {
            stored.last.as_ref().is_some_and(|last| last.failed)
        }
    };
    if !failed {
        return Ok(report);
    }
    let Some(report) = report else {
        return Ok(None);
    };
    let reason = report["data"].as_str().unwrap_or("the query failed");
    Err(ApiError::Failed(reason.to_owned(), Box::new(report)))
}
