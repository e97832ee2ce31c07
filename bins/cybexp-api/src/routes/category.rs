//! Category and contexts of events.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cybexp_filters::judgement::{CategoryRecord, ContextRecord, EVENT_CATEGORY};
use serde::Deserialize;
use serde_json::Value;
use tahoe_core::Hash;
use utoipa::ToSchema;

use super::judgement::{CategoryName, JudgementTaken, ScalarValue, check_reason, now, submit};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Message, bad};
use crate::json::Body;

/// The category of an event, and the contexts of instances in it. At least one of `category` and `context` is given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventCategory {
    /// The hash of the organisation that owns the event. The caller must be one of its admins.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    orgid: String,
    /// The hash of the event.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    _hash: String,
    /// The category of the event. Without it, the category stays as it is.
    category: Option<CategoryName>,
    /// The contexts of instances to which the event refers. Those that are not named keep theirs.
    #[schema(max_items = 1000)]
    context: Option<Vec<InstanceContext>>,
    /// The reason.
    #[schema(min_length = 1, max_length = 1000, example = "a scan that we ordered")]
    reason: String,
}

/// The context of one instance in an event: an attribute by `sub_type` and `data`, or an attribute or object by `_hash`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstanceContext {
    /// The sub_type of an attribute.
    #[schema(example = "url")]
    sub_type: Option<String>,
    #[schema(value_type = Option<ScalarValue>, example = "http://shop.example/")]
    data: Option<Value>,
    /// The hash of an attribute or object, in place of the two.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    _hash: Option<String>,
    /// The context in which the event has it.
    context: CategoryName,
}

impl InstanceContext {
    fn record(self, n: usize) -> Result<ContextRecord, ApiError> {
        let hash = self
            ._hash
            .map(|hash| read_hash(&format!("context[{n}]._hash"), &hash));
        Ok(ContextRecord {
            sub_type: self.sub_type,
            data: self.data,
            _hash: hash.transpose()?,
            context: self.context.into(),
        })
    }
}

/// Set the category of an event, and the contexts of instances in it; admins of its organisation only
///
/// Counts, timelines and threatranks are right at once. The event counts as judged, so a new version of a filter does not
/// undo it. An event that is not there is told in quarantine: only analytics reads the archive.
#[utoipa::path(post, path = "/event/category", request_body = EventCategory, security(("bearer" = [])), responses(
    (status = 201, description = "The judgement is stored, sealed.", body = JudgementTaken),
    (status = 400, description = "A field is missing or wrong.", body = Message),
    (status = 401, description = "The token is missing or invalid, or its user is not an admin of the organisation.", body = Message),
))]
pub(crate) async fn event_category(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(given): Body<EventCategory>,
) -> Result<(StatusCode, Json<JudgementTaken>), ApiError> {
    check_reason(&given.reason)?;
    let org = caller.admin_of(&app, "orgid", &given.orgid).await?;
    let context = given.context.unwrap_or_default().into_iter().enumerate();
    let context = context.map(|(n, one)| one.record(n));
    let record = CategoryRecord {
        _hash: read_hash("_hash", &given._hash)?,
        category: given.category.map(Into::into),
        context: context.collect::<Result<_, _>>()?,
        reason: given.reason,
        analyst: caller.user.email().to_owned(),
        at: now(),
    };
    record.change().map_err(ApiError::BadRequest)?;
    let taken = submit(&app, &org, EVENT_CATEGORY, &record, record.at).await?;
    Ok((StatusCode::CREATED, Json(taken)))
}

fn read_hash(field: &str, text: &str) -> Result<Hash, ApiError> {
    let lower = text.trim().to_ascii_lowercase();
    lower.parse().map_err(|error| bad(field, error))
}
