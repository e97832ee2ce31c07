//! The state of a submission.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use cybexp_store::Fate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Message};

/// A submission and its state.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubmissionState {
    /// The id that `POST /raw` returned.
    #[schema(pattern = "^[0-9a-f]{24}$")]
    id: String,
    /// The name that was given, or the name of the file.
    name: String,
    /// The kind of data, which selects the filter.
    #[schema(example = "cowrie")]
    typetag: String,
    /// The hash of the organisation that owns the data.
    orgid: String,
    /// The time at which the API received it, in Unix seconds.
    timestamp: f64,
    status: Stage,
    /// The reason, if the submission is in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The number of records, if the submission has many.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u32>,
    /// The hashes of the raws that the archive made of the submission, in the order of its records; null for a record of
    /// which there is none.
    raws: Vec<Option<String>>,
    /// The records that are in quarantine, while the others are in the archive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bad: Vec<BadRecord>,
}

/// A record that is refused or in quarantine.
#[derive(Serialize, ToSchema)]
pub(crate) struct BadRecord {
    /// The number of the record, beginning with 1.
    n: u32,
    /// The reason.
    reason: String,
}

/// The state of a submission.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Stage {
    /// The submission is stored sealed, and the archive has not opened it yet.
    Waiting,
    /// The submission is in the archive, but for the records in `bad`, and filters read it.
    Archived,
    /// The submission could not be opened or read. `cybexp quarantine` shows it, and can try again.
    Quarantined,
}

/// Get the state of a submission; admins of its organisation only
///
/// The state tells whether the submission has reached the archive. Use `/query` to find the events that filters make of
/// it.
#[utoipa::path(get, path = "/raw/{id}",
    params(("id" = String, Path, description = "The id that `POST /raw` returned.")),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The state of the submission.", body = SubmissionState),
        (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
        (status = 404, description = "There is no such submission, or the caller may not see it.", body = Message),
    )
)]
pub(crate) async fn submission(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<SubmissionState>, ApiError> {
    let unknown = || ApiError::NotFound("there is no such submission".to_owned());
    let fate = app.cache.fate(&id).await?.ok_or_else(unknown)?;
    match caller.admin_of(&app, "orgid", &fate.orgid).await {
        Ok(_) => Ok(Json(SubmissionState::of(id, fate))),
        // who may not know of it cannot tell whether it is there
        Err(ApiError::Unauthorized(_) | ApiError::BadRequest(_)) => Err(unknown()),
        Err(error) => Err(error),
    }
}

impl SubmissionState {
    fn of(id: String, fate: Fate) -> Self {
        Self {
            id: id.to_ascii_lowercase(),
            status: match (fate.processed, &fate.error) {
                (false, _) => Stage::Waiting,
                (true, None) => Stage::Archived,
                (true, Some(_)) => Stage::Quarantined,
            },
            name: fate.name,
            typetag: fate.typetag,
            orgid: fate.orgid,
            timestamp: fate.timestamp,
            error: fate.error,
            records: fate.records,
            raws: fate.raws,
            bad: fate
                .bad
                .into_iter()
                .map(|bad| BadRecord {
                    n: bad.n,
                    reason: bad.reason,
                })
                .collect(),
        }
    }
}
