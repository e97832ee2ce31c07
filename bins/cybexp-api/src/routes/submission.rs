//! What became of a submission.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use cybexp_store::Fate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Message};

/// A submission, and what became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubmissionState {
    #[schema(pattern = "^[0-9a-f]{24}$")]
    id: String,
    name: String,
    #[schema(example = "cowrie")]
    typetag: String,
    orgid: String,
    /// When it was taken in, in Unix seconds.
    timestamp: f64,
    status: Stage,
    /// Why it is in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The hashes of the raws made of it.
    raws: Vec<String>,
}

/// How far a submission is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Stage {
    /// Sealed, and not yet opened by the archive.
    Waiting,
    /// In the archive, where filters read it.
    Archived,
    /// Set aside, for it could not be opened or read: `cybexp quarantine` shows it, and tries again.
    Quarantined,
}

/// What became of a submission; admins of its organisation only
///
/// As far as the archive: what filters make of it afterwards is asked for by `/query`.
#[utoipa::path(get, path = "/raw/{id}",
    params(("id" = String, Path, description = "What `POST /raw` answered.")),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "How far it is.", body = SubmissionState),
        (status = 401, description = "No token, or not a good one.", body = Message),
        (status = 404, description = "There is none, or none that the caller may know of.", body = Message),
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
            status: match (fate.processed, fate.bad) {
                (false, _) => Stage::Waiting,
                (true, false) => Stage::Archived,
                (true, true) => Stage::Quarantined,
            },
            name: fate.name,
            typetag: fate.typetag,
            orgid: fate.orgid,
            timestamp: fate.timestamp,
            error: fate.error,
            raws: fate.raws,
        }
    }
}
