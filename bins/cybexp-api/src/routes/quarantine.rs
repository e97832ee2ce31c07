//! The quarantine, for admins of organisations: submissions that could not be opened or read, and having records read again.
//!
//! Raws that filters refused are in the archive, which only report daemons read: a question of type `quarantine` asks for them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use cybexp_filters::judgement::{RETRIES, RETRY, RetryRecord};
use cybexp_store::{EntryId, EntryRecordId, Refused};
use serde::{Deserialize, Serialize};
use tahoe_core::{Hash, Org};
use utoipa::{IntoParams, ToSchema};

use super::judgement::{now, submit};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Message, bad};
use crate::json::Body;

/// The submissions of a page where the request does not say, and the most.
const ENTRIES: u32 = 100;
const MOST: u32 = 1000;
/// The most characters of a reason.
const REASON_CHARS: usize = 1000;

/// The page of the quarantine.
#[derive(Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct QuarantinePage {
    /// The field `after` of the page before, to get the next one.
    after: Option<String>,
    /// The most submissions of the page, at most 1000 [default: 100].
    limit: Option<u32>,
}

impl QuarantinePage {
    fn read(uri: &Uri) -> Result<Self, ApiError> {
        let mut page = Self::default();
        let query = uri.query().unwrap_or_default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "after" => page.after = Some(value.into_owned()),
                "limit" => {
                    let limit = value
                        .parse()
                        .ok()
                        .filter(|limit| (1..=MOST).contains(limit));
                    page.limit =
                        Some(limit.ok_or_else(|| bad("limit", format!("from 1 to {MOST}")))?);
                }
                other => {
                    let name = other.escape_debug();
                    return Err(ApiError::BadRequest(format!("unknown parameter {name}")));
                }
            }
        }
        Ok(page)
    }
}

/// Submissions that could not be opened or read, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Quarantined {
    /// The records: at most 100 of each submission.
    records: Vec<QuarantinedRecord>,
    /// The place behind which the next page begins; missing on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// A record that could not be opened or read.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuarantinedRecord {
    /// The id by which it is retried: that of the submission, and for a record among many a colon and its number.
    #[schema(example = "5f0c1d2e3a4b5c6d7e8f9012:7")]
    id: String,
    /// The name of the submission, such as a file name.
    name: String,
    /// The kind of data.
    typetag: String,
    /// The hash of the organisation that owns the data.
    orgid: String,
    /// The time at which it was accepted, in Unix seconds.
    timestamp: f64,
    /// The reason.
    reason: String,
}

impl From<Refused> for QuarantinedRecord {
    fn from(refused: Refused) -> Self {
        Self {
            id: refused.id,
            name: refused.name.unwrap_or_default(),
            typetag: refused.typetag,
            orgid: refused.orgid,
            timestamp: refused.timestamp,
            reason: refused.reason.chars().take(REASON_CHARS).collect(),
        }
    }
}

/// List submissions that could not be opened or read, and records of them; admins of their organisations only
///
/// Records that a filter refused are in the archive: a question of type `quarantine` lists them.
#[utoipa::path(get, path = "/quarantine", params(QuarantinePage), security(("bearer" = [])), responses(
    (status = 200, description = "The submissions of the organisations of which the caller is an admin.", body = Quarantined),
    (status = 400, description = "A parameter is wrong.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Quarantined>, ApiError> {
    let page = QuarantinePage::read(&uri)?;
    let after = page.after.as_deref().map(EntryId::parse_str).transpose();
    let after = after.map_err(|_| bad("after", "is no place of a page"))?;
    let limit = page.limit.unwrap_or(ENTRIES);
    let orgs = app.identity.orgs_admin_of(caller.user.hash()).await?;
    let orgs: Vec<String> = orgs.iter().map(|org| org.hash().to_string()).collect();
    if orgs.is_empty() {
        return Ok(Json(Quarantined {
            records: vec![],
            after: None,
        }));
    }
    let page = app.cache.refused_page(&orgs, after, limit).await?;
    Ok(Json(Quarantined {
        records: page.records.into_iter().map(Into::into).collect(),
        after: page.next.map(|id| id.to_string()),
    }))
}

/// Records that shall be read again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuarantineRetry {
    /// The hash of the organisation that owns the records. The caller must be one of its admins.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    orgid: String,
    /// Ids of submissions, or of records of them, as `GET /quarantine` lists them; hashes of raws, as a question of type
    /// `quarantine` lists them.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Vec<String>,
}

/// The records that will be read again.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuarantineRetried {
    /// A message for people.
    message: String,
    /// The number of submissions and records that wait for the archive daemon again. Those that are not in quarantine are
    /// not counted.
    entries: usize,
    /// The number of raws that the analytics daemon was asked to have read again. Those that are not in quarantine stay as
    /// they are.
    raws: usize,
}

/// Have records in quarantine read again; admins of their organisation only
#[utoipa::path(post, path = "/quarantine/retry", request_body = QuarantineRetry, security(("bearer" = [])), responses(
    (status = 201, description = "The records are read again. What is still wrong comes into quarantine anew.", body = QuarantineRetried),
    (status = 400, description = "A field is missing or wrong.", body = Message),
    (status = 401, description = "The token is missing or invalid, or its user is not an admin of the organisation.", body = Message),
))]
pub(crate) async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(request): Body<QuarantineRetry>,
) -> Result<(StatusCode, Json<QuarantineRetried>), ApiError> {
    if request.ids.is_empty() || request.ids.len() > RETRIES {
        return Err(bad("ids", format!("from 1 to {RETRIES} of them")));
    }
    let org = caller.admin_of(&app, "orgid", &request.orgid).await?;
    let (mut records, mut raws) = (Vec::new(), Vec::<Hash>::new());
    for id in &request.ids {
        match (id.parse(), id.parse()) {
            (Ok(hash), _) => raws.push(hash),
            (_, Ok(record)) => records.push(record),
            _ => return Err(bad("ids", "an id has 24 hex digits, and that of a raw 64")),
        }
    }
    let mut entries = 0;
    for record in records {
        entries += usize::from(again(&app, &org, record).await?);
    }
    if !raws.is_empty() {
        let record = RetryRecord {
            retry: raws.clone(),
            analyst: caller.user.email().to_owned(),
            at: now(),
        };
        submit(&app, &org, RETRY, &record, record.at).await?;
    }
    let taken = QuarantineRetried {
        message: "They are read again; what is still wrong comes into quarantine anew.".to_owned(),
        entries,
        raws: raws.len(),
    };
    Ok((StatusCode::CREATED, Json(taken)))
}

/// Has a submission, or a record of it, read again. Returns false if it is not in quarantine, or not the organisation's.
async fn again(app: &App, org: &Org, record: EntryRecordId) -> Result<bool, ApiError> {
    let fate = app.cache.fate(&record.id.to_string()).await?;
    if fate.is_none_or(|fate| fate.orgid != org.hash().to_string()) {
        return Ok(false);
    }
    Ok(match record.n {
        Some(n) => app.cache.retry_record(record.id, n).await?,
        None => app.cache.retry(record.id).await?,
    })
}
