//! Submissions.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cybexp_seal::Sealer;
use cybexp_store::{Head, Incoming, NewEntry};
use metrics::counter;
use serde::Serialize;
use tahoe_core::time::parse_tzname;
use tahoe_core::{SubType, SubmissionTags};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Message, bad};
use crate::parts::{Parts, UploadPart};

/// The longest text field.
const TEXT_BYTES: usize = 1024;

/// A submission.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "only its description is used: the body is read part by part"
)]
pub(crate) struct Submission {
    /// The data to be stored.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    file: String,
    /// The name of the submission [default: the name of the file].
    #[schema(max_length = 1024)]
    name: Option<String>,
    /// The hash of the organisation that owns the data. The caller must be one of its admins.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    orgid: String,
    /// The kind of data, such as `cowrie`, which selects the filter.
    #[schema(example = "cowrie", max_length = 1024)]
    typetag: String,
    /// The IANA name of the time zone of times in the data that name no zone.
    #[schema(example = "UTC")]
    timezone: String,
}

/// The confirmation that a submission is stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct Taken {
    /// A message for people.
    #[schema(example = "File uploaded successfully!")]
    message: String,
    /// The id of the submission, for `GET /raw/{id}`.
    #[schema(pattern = "^[0-9a-f]{24}$")]
    id: String,
}

/// Submit data; admins of the organisation only
#[utoipa::path(post, path = "/raw",
    request_body(content = Submission, content_type = "multipart/form-data"),
    security(("bearer" = [])),
    responses(
        (status = 201, description = "The submission is stored, sealed.", body = Taken),
        (status = 400, description = "A field is missing or wrong.", body = Message),
        (status = 401, description = "The token is missing or invalid, or its user is not an admin of the organisation.", body = Message),
    )
)]
pub(crate) async fn raw(
    State(app): State<Arc<App>>,
    caller: Result<Caller, ApiError>,
    parts: Result<Parts, ApiError>,
) -> Result<(StatusCode, Json<Taken>), ApiError> {
    let (caller, mut parts) = match (caller, parts) {
        (Ok(caller), parts) => (caller, parts?),
        (Err(error), parts) => {
            if let Ok(parts) = parts {
                parts.linger().await;
            }
            return Err(error);
        }
    };
    let taken = take(&app, &caller, &mut parts).await;
    if taken.is_err() {
        parts.linger().await;
    }
    let taken = Taken {
        message: "File uploaded successfully!".to_owned(),
        id: taken?,
    };
    Ok((StatusCode::CREATED, Json(taken)))
}

/// Stores the submission, or nothing of it; gives its id.
async fn take(app: &App, caller: &Caller, parts: &mut Parts) -> Result<String, ApiError> {
    let mut received = Received::default();
    let outcome = receive(app, caller, parts, &mut received).await;
    let Received { file, size, .. } = received;
    let (entry, file) = match (outcome, file) {
        (Ok(entry), Some(file)) => (entry, file),
        (Ok(_), None) => return Err(bad("file", "is missing")),
        (Err(error), file) => {
            if let Some((_, incoming)) = file {
                incoming.abort().await;
            }
            return Err(error);
        }
    };
    let (sealer, mut incoming) = file;
    let mut rest = Vec::new();
    let head = sealer.finish(&mut rest).map(|head| Head {
        offset: head.offset,
        bytes: head.bytes,
    });
    incoming.write(&rest).await?;
    let id = incoming.commit(entry, head).await?;
    counter!("cybexp_api_submissions_total").increment(1);
    counter!("cybexp_api_submission_bytes_total").increment(size);
    Ok(id.to_string())
}

#[derive(Default)]
struct Received {
    file: Option<(Sealer, Incoming)>,
    size: u64,
    filename: Option<String>,
    name: Option<String>,
    orgid: Option<String>,
    typetag: Option<String>,
    timezone: Option<String>,
}

/// Reads all parts, in whatever order they come; the file goes through the seal into the database meanwhile.
async fn receive(
    app: &App,
    caller: &Caller,
    parts: &mut Parts,
    received: &mut Received,
) -> Result<NewEntry, ApiError> {
    while let Some(mut part) = parts.next().await? {
        let name = part.name().to_owned();
        let slot = match name.as_str() {
            "file" if received.file.is_some() => return Err(bad("file", "is given twice")),
            "file" => {
                received.filename = part.filename().map(str::to_owned);
                take_file(app, &mut part, received).await?;
                continue;
            }
            "name" => &mut received.name,
            "orgid" => &mut received.orgid,
            "typetag" => &mut received.typetag,
            "timezone" => &mut received.timezone,
            _ => {
                return Err(ApiError::BadRequest(format!(
                    "Invalid input {}",
                    name.escape_debug()
                )));
            }
        };
        if slot.replace(text(&name, &mut part).await?).is_some() {
            return Err(bad(&name, "is given twice"));
        }
        // refused before the file has come, where the client says it first
        if name == "orgid" {
            caller
                .admin_of(app, "orgid", received.orgid.as_deref().unwrap_or_default())
                .await?;
        }
    }
    if received.file.is_none() {
        return Err(bad("file", "is missing"));
    }
    entry(received)
}

async fn take_file(
    app: &App,
    part: &mut UploadPart<'_>,
    received: &mut Received,
) -> Result<(), ApiError> {
    let sealer = app
        .public_key
        .sealer(app.format)
        .map_err(anyhow::Error::from)?;
    let incoming = Incoming::new(&app.cache, &app.submitter);
    let (sealer, incoming) = received.file.insert((sealer, incoming));
    let mut sealed = Vec::new();
    while let Some(bytes) = part.chunk().await? {
        received.size += bytes.len() as u64;
        if received.size > app.max_body_bytes {
            return Err(ApiError::TooLarge(app.max_body_bytes));
        }
        sealer.push(&bytes, &mut sealed);
        incoming.write(&sealed).await?;
        sealed.clear();
    }
    Ok(())
}

async fn text(name: &str, part: &mut UploadPart<'_>) -> Result<String, ApiError> {
    let mut text = Vec::new();
    while let Some(bytes) = part.chunk().await? {
        text.extend_from_slice(&bytes);
        if text.len() > TEXT_BYTES {
            return Err(bad(name, format!("is longer than {TEXT_BYTES} bytes")));
        }
    }
    String::from_utf8(text).map_err(|_| bad(name, "is not UTF-8"))
}

fn entry(received: &mut Received) -> Result<NewEntry, ApiError> {
    let need = |field: &str, slot: Option<String>| slot.ok_or_else(|| bad(field, "is missing"));
    let orgid = need("orgid", received.orgid.take())?;
    let typetag = need("typetag", received.typetag.take())?;
    let timezone = need("timezone", received.timezone.take())?;
    SubType::new(&typetag).map_err(|error| bad("typetag", error))?;
    parse_tzname(&timezone).map_err(|error| bad("timezone", error.reason))?;
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(NewEntry {
        name: received
            .name
            .take()
            .or(received.filename.take())
            .unwrap_or_default(),
        tags: SubmissionTags {
            typetag,
            orgid,
            timezone,
        },
        timestamp: since.as_secs_f64(),
    })
}
