//! Verdicts on values, and their withdrawal.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cybexp_filters::judgement::{VERDICT, VerdictRecord};
use serde::Deserialize;
use serde_json::Value;
use tahoe_core::Verdict;
use utoipa::ToSchema;

use super::judgement::{JudgementTaken, ScalarValue, check_reason, now, submit};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Message};
use crate::json::Body;

/// A verdict on a value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewVerdict {
    /// The hash of the organisation that judges. The caller must be one of its admins.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    orgid: String,
    /// The sub_type of the value; `ip` stands for `ipv4` or `ipv6`.
    #[schema(example = "ipv4")]
    sub_type: String,
    #[schema(value_type = ScalarValue, example = "203.0.113.9")]
    data: Value,
    /// The verdict.
    verdict: VerdictName,
    /// The reason, for whoever sees the verdict.
    #[schema(min_length = 1, max_length = 1000, example = "our own scanner")]
    reason: String,
}

/// The withdrawal of a verdict.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdrawal {
    /// The hash of the organisation that judged. The caller must be one of its admins.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    orgid: String,
    /// The sub_type of the value; `ip` stands for `ipv4` or `ipv6`.
    #[schema(example = "ipv4")]
    sub_type: String,
    #[schema(value_type = ScalarValue, example = "203.0.113.9")]
    data: Value,
    /// The reason.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// A verdict that a value may have.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum VerdictName {
    /// The value belongs to an attack.
    Malicious,
    /// The value is harmless.
    Benign,
    /// The value was reported as malicious, and is not.
    FalsePositive,
}

/// Give the organisation's verdict on a value; its admins only
///
/// The latest verdict of an organisation counts. Answers about the value show it to all who see the organisation's events,
/// within a second. It changes no event and no count, and nothing for other organisations.
#[utoipa::path(post, path = "/verdict", request_body = NewVerdict, security(("bearer" = [])), responses(
    (status = 201, description = "The verdict is stored, sealed.", body = JudgementTaken),
    (status = 400, description = "A field is missing or wrong.", body = Message),
    (status = 401, description = "The token is missing or invalid, or its user is not an admin of the organisation.", body = Message),
))]
pub(crate) async fn verdict(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(given): Body<NewVerdict>,
) -> Result<(StatusCode, Json<JudgementTaken>), ApiError> {
    check_reason(&given.reason)?;
    let verdict = match given.verdict {
        VerdictName::Malicious => Verdict::Malicious,
        VerdictName::Benign => Verdict::Benign,
        VerdictName::FalsePositive => Verdict::FalsePositive,
    };
    let record = record(&caller, given.sub_type, given.data, verdict, given.reason);
    judge(&app, &caller, &given.orgid, record).await
}

/// Withdraw the organisation's verdict on a value; its admins only
///
/// The value has no verdict of the organisation then. Earlier verdicts stay in the archive as history.
#[utoipa::path(post, path = "/verdict/withdraw", request_body = Withdrawal, security(("bearer" = [])), responses(
    (status = 201, description = "The withdrawal is stored, sealed.", body = JudgementTaken),
    (status = 400, description = "A field is missing or wrong.", body = Message),
    (status = 401, description = "The token is missing or invalid, or its user is not an admin of the organisation.", body = Message),
))]
pub(crate) async fn withdraw(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(given): Body<Withdrawal>,
) -> Result<(StatusCode, Json<JudgementTaken>), ApiError> {
    let reason = given.reason.unwrap_or_default();
    let withdrawn = Verdict::Withdrawn;
    let record = record(&caller, given.sub_type, given.data, withdrawn, reason);
    judge(&app, &caller, &given.orgid, record).await
}

fn record(
    caller: &Caller,
    sub_type: String,
    data: Value,
    verdict: Verdict,
    reason: String,
) -> VerdictRecord {
    VerdictRecord {
        sub_type,
        data,
        verdict,
        reason,
        analyst: caller.user.email().to_owned(),
        at: now(),
    }
}

/// Stores the record, if it is right and its author may judge for the organisation.
async fn judge(
    app: &App,
    caller: &Caller,
    orgid: &str,
    record: VerdictRecord,
) -> Result<(StatusCode, Json<JudgementTaken>), ApiError> {
    let org = caller.admin_of(app, "orgid", orgid).await?;
    record.judged().map_err(ApiError::BadRequest)?;
    let taken = submit(app, &org, VERDICT, &record, record.at).await?;
    Ok((StatusCode::CREATED, Json(taken)))
}
