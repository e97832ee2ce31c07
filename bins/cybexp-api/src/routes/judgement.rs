//! The parts that all judgements of analysts share: they are sealed and stored like any submission, under a reserved
//! typetag.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use cybexp_store::{NewEntry, Submission};
use metrics::counter;
use serde::{Deserialize, Serialize};
use tahoe_core::{Category, Org, SubmissionTags};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::app::App;
use crate::error::{ApiError, bad};

/// The confirmation that a judgement is stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct JudgementTaken {
    /// A message for people.
    #[schema(example = "The judgement is stored, and takes effect at once!")]
    message: String,
    /// The id of the submission, for `GET /raw/{id}`.
    #[schema(pattern = "^[0-9a-f]{24}$")]
    id: String,
    /// The time of the judgement, in Unix seconds. Of several about the same thing, the one with the latest time counts.
    timestamp: f64,
}

/// A category of an event, or the context of a value in it.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CategoryName {
    /// Part of an attack.
    Malicious,
    /// Harmless.
    Benign,
    /// Not judged.
    Unknown,
}

impl From<CategoryName> for Category {
    fn from(name: CategoryName) -> Self {
        match name {
            CategoryName::Malicious => Self::Malicious,
            CategoryName::Benign => Self::Benign,
            CategoryName::Unknown => Self::Unknown,
        }
    }
}

/// The value of an attribute, for the description only.
pub(crate) struct ScalarValue;

impl ToSchema for ScalarValue {
    fn name() -> Cow<'static, str> {
        "Scalar".into()
    }
}

impl PartialSchema for ScalarValue {
    fn schema() -> RefOr<Schema> {
        let about = "The value of an attribute, in any spelling that questions take.";
        let types = SchemaType::from_iter([Type::String, Type::Number, Type::Boolean, Type::Null]);
        let value = ObjectBuilder::new().description(Some(about));
        value.schema_type(types).build().into()
    }
}

/// Returns the time of a judgement, in Unix seconds.
pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// Checks that there is a reason, which whoever sees the judgement later reads.
pub(crate) fn check_reason(reason: &str) -> Result<(), ApiError> {
    match reason.trim().is_empty() {
        true => Err(bad("reason", "is empty")),
        false => Ok(()),
    }
}

/// Seals and stores the record of a judgement that was made at this time.
pub(crate) async fn submit(
    app: &App,
    org: &Org,
    typetag: &str,
    record: &impl Serialize,
    at: f64,
) -> Result<JudgementTaken, ApiError> {
    let record = serde_json::to_vec(record).map_err(anyhow::Error::from)?;
    let sealed = app.public_key.seal_owned(app.format, record);
    let entry = NewEntry {
        name: typetag.to_owned(),
        tags: SubmissionTags {
            typetag: typetag.to_owned(),
            orgid: org.hash().to_string(),
            timezone: "UTC".to_owned(),
            tlp: None,
        },
        timestamp: at,
        records: None,
    };
    let sealed = sealed.map_err(anyhow::Error::from)?;
    let id = app.submitter.submit(Submission { entry, sealed }).await?;
    counter!("cybexp_api_judgements_total", "typetag" => typetag.to_owned()).increment(1);
    Ok(JudgementTaken {
        message: "The judgement is stored, and takes effect at once!".to_owned(),
        id: id.to_string(),
        timestamp: at,
    })
}
