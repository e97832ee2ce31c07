//! Submissions.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::http::StatusCode;
use cybexp_seal::Sealer;
use cybexp_store::{Head, Incoming, NewEntry};
use metrics::counter;
use tahoe_core::SubType;
use tahoe_core::time::parse_tzname;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Message, bad};

/// How long a client may be silent in the middle of its request.
const SILENCE: Duration = Duration::from_secs(30);
/// The longest text field.
const TEXT_BYTES: usize = 1024;

/// A submission.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "only its description is used: the body is read part by part"
)]
pub(crate) struct Submission {
    /// The data.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    file: String,
    /// A name for it; without, that of the file.
    name: Option<String>,
    /// The hash of the organisation whose data it is; the caller must be an admin of it.
    orgid: String,
    /// What it is, such as `cowrie`; says which filter reads it.
    #[schema(example = "cowrie")]
    typetag: String,
    /// The IANA name of the zone of times without one.
    #[schema(example = "UTC")]
    timezone: String,
}

/// Submit data; admins of the organisation only
#[utoipa::path(post, path = "/raw",
    request_body(content = Submission, content_type = "multipart/form-data"),
    security(("bearer" = [])),
    responses(
        (status = 201, description = "It is stored, sealed.", body = Message),
        (status = 400, description = "A field is missing or wrong.", body = Message),
        (status = 401, description = "No token of an admin of the organisation.", body = Message),
        (status = 408, description = "The client stopped sending.", body = Message),
        (status = 413, description = "The file is too large.", body = Message),
    )
)]
pub(crate) async fn raw(
    State(app): State<Arc<App>>,
    caller: Caller,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<(StatusCode, Json<Message>), ApiError> {
    let mut parts = parts.map_err(|rejection| ApiError::BadRequest(rejection.body_text()))?;
    let mut received = Received::default();
    let outcome = receive(&app, &caller, &mut parts, &mut received).await;
    let Received { file, size, .. } = &mut received;
    let entry = match outcome {
        Ok(entry) => entry,
        Err(error) => {
            // half of a submission is none
            if let Some((_, incoming)) = file.take() {
                incoming.abort().await;
            }
            return Err(error);
        }
    };
    let Some((sealer, mut incoming)) = file.take() else {
        return Err(bad("file", "is missing"));
    };
    let mut rest = Vec::new();
    let head = sealer.finish(&mut rest).map(|head| Head {
        offset: head.offset,
        bytes: head.bytes,
    });
    incoming.write(&rest).await?;
    incoming.commit(entry, head).await?;
    counter!("cybexp_api_submissions_total").increment(1);
    counter!("cybexp_api_submission_bytes_total").increment(*size);
    Ok((
        StatusCode::CREATED,
        Message::new("File uploaded successfully!"),
    ))
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
    parts: &mut Multipart,
    received: &mut Received,
) -> Result<NewEntry, ApiError> {
    while let Some(mut part) = patient(parts.next_field()).await? {
        let name = part.name().unwrap_or_default().to_owned();
        let slot = match name.as_str() {
            "file" if received.file.is_none() => {
                received.filename = part.file_name().map(str::to_owned);
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
                .admin_of(app, received.orgid.as_deref().unwrap_or_default())
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
    part: &mut Field<'_>,
    received: &mut Received,
) -> Result<(), ApiError> {
    let sealer = app
        .public_key
        .sealer(app.format)
        .map_err(anyhow::Error::from)?;
    let incoming = Incoming::new(&app.cache, &app.submitter);
    let (sealer, incoming) = received.file.insert((sealer, incoming));
    let mut sealed = Vec::new();
    while let Some(bytes) = patient(part.chunk()).await? {
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

async fn text(name: &str, part: &mut Field<'_>) -> Result<String, ApiError> {
    let mut text = Vec::new();
    while let Some(bytes) = patient(part.chunk()).await? {
        text.extend_from_slice(&bytes);
        if text.len() > TEXT_BYTES {
            return Err(bad(name, format!("is longer than {TEXT_BYTES} bytes")));
        }
    }
    String::from_utf8(text).map_err(|_| bad(name, "is not UTF-8"))
}

async fn patient<T>(next: impl Future<Output = Result<T, MultipartError>>) -> Result<T, ApiError> {
    match tokio::time::timeout(SILENCE, next).await {
        Ok(result) => result.map_err(|error| ApiError::BadRequest(error.body_text())),
        Err(_) => Err(ApiError::TooSlow),
    }
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
        typetag,
        orgid,
        timezone,
        timestamp: since.as_secs_f64(),
    })
}
